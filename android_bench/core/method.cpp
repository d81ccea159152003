#include "core/method.h"

#include <executorch/runtime/platform/platform.h>
#include <executorch/runtime/platform/runtime.h>

#include <mutex>

#include "core/error.h"

namespace gfnet {

namespace et = executorch::runtime;

namespace {

std::mutex words_mutex;
std::string words;  // ExecuTorch logs why, and returns a number only

void keep_words(et_timestamp_t, et_pal_log_level_t level, const char*, const char*, size_t,
                const char* message, size_t length) {
    if (level != kError && level != kFatal) return;
    const std::lock_guard<std::mutex> guard(words_mutex);
    words.assign(message, length);
}

[[noreturn]] void refuse_file(const std::string& path, const std::string& what, et::Error error) {
    const std::string said = last_words();
    const std::string reason = said.empty() ? "error " + std::to_string(static_cast<int>(error)) : said;
    throw InputError(path + ": ExecuTorch cannot load " + what + ": " + reason);
}

}  // namespace

void start_runtime() {
    static const bool started = [] {
        et::runtime_init();
        et::register_pal(et::PalImpl::create(keep_words, __FILE__));
        return true;
    }();
    (void)started;
}

std::string last_words() {
    const std::lock_guard<std::mutex> guard(words_mutex);
    std::string said;
    said.swap(words);
    return said;
}

Program::Program(const std::string& path) : path_(path) {
    auto loader = executorch::extension::FileDataLoader::from(path.c_str());
    if (!loader.ok()) refuse_file(path, "it", loader.error());
    loader_ = std::make_unique<executorch::extension::FileDataLoader>(std::move(*loader));
    auto program = et::Program::load(loader_.get(), et::Program::Verification::InternalConsistency);
    if (!program.ok()) refuse_file(path, "it", program.error());
    program_ = std::make_unique<et::Program>(std::move(*program));
}

Method::Method(const Program& program, const std::string& name) {
    const auto meta = program.program().method_meta(name.c_str());
    if (!meta.ok()) throw InputError(program.path() + ": has no method '" + name + "'");
    for (size_t index = 0; index < meta->num_memory_planned_buffers(); ++index) {
        const auto bytes = meta->memory_planned_buffer_size(index);
        if (!bytes.ok()) refuse_file(program.path(), "method '" + name + "'", bytes.error());
        planned_.emplace_back(static_cast<size_t>(*bytes));
    }
    for (std::vector<uint8_t>& memory : planned_) spans_.emplace_back(memory.data(), memory.size());
    hierarchy_ = std::make_unique<et::HierarchicalAllocator>(
        et::Span<et::Span<uint8_t>>(spans_.data(), spans_.size()));
    memory_ = std::make_unique<et::MemoryManager>(&lasting_, hierarchy_.get(), &temporary_);
    auto method = program.program().load_method(name.c_str(), memory_.get());
    if (!method.ok()) refuse_file(program.path(), "method '" + name + "'", method.error());
    method_ = std::make_unique<et::Method>(std::move(*method));
    for (size_t index = 0; index < meta->num_outputs(); ++index) {
        const auto output = meta->output_tensor_meta(index);
        if (!output.ok() || output->is_memory_planned()) continue;
        outputs_.emplace_back(output->nbytes());
        const auto error = method_->set_output_data_ptr(outputs_.back().data(), output->nbytes(), index);
        if (error != et::Error::Ok) refuse_file(program.path(), "method '" + name + "'", error);
    }
}

}  // namespace gfnet
