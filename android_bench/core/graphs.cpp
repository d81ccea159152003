#include "core/graphs.h"

#include <cstring>
#include <optional>

#include "core/error.h"
#include "core/method.h"

// The wheel exports the thread pool's symbols without its header; this goes once it ships
// executorch/extension/threadpool/threadpool.h.
namespace executorch::extension::threadpool {
class ThreadPool {
  public:
    size_t get_thread_count() const;
    bool _unsafe_reset_threadpool(uint32_t threads);
};
ThreadPool* get_threadpool();
}  // namespace executorch::extension::threadpool

namespace gfnet {

namespace et = executorch::runtime;
using executorch::aten::ScalarType;
using executorch::aten::TensorImpl;

namespace {

// A tensor whose values lie in the caller's memory, as ExecuTorch wants it described.
struct Described {
    std::vector<TensorImpl::SizesType> sizes;
    std::vector<TensorImpl::DimOrderType> order;
    std::vector<TensorImpl::StridesType> strides;
    std::optional<TensorImpl> tensor;
};

std::optional<Dtype> dtype_of(ScalarType type) {
    switch (type) {
        case ScalarType::Float:
            return Dtype::kFloat32;
        case ScalarType::Half:
            return Dtype::kFloat16;
        case ScalarType::Int:
            return Dtype::kInt32;
        default:
            return std::nullopt;
    }
}

ScalarType scalar_type_of(Dtype dtype) {
    return dtype == Dtype::kFloat32   ? ScalarType::Float
           : dtype == Dtype::kFloat16 ? ScalarType::Half
                                      : ScalarType::Int;
}

std::unique_ptr<Described> describe_to_executorch(const Tensor& tensor) {
    auto found = std::make_unique<Described>();
    found->sizes.assign(tensor.shape.begin(), tensor.shape.end());
    const size_t rank = tensor.shape.size();
    found->strides.assign(rank, 1);
    for (size_t axis = 0; axis < rank; ++axis)
        found->order.push_back(static_cast<TensorImpl::DimOrderType>(axis));
    for (size_t axis = rank; axis-- > 1;)
        found->strides[axis - 1] = found->strides[axis] * tensor.shape[axis];
    found->tensor.emplace(scalar_type_of(tensor.dtype), static_cast<ssize_t>(rank), found->sizes.data(),
                          tensor.data, found->order.data(), found->strides.data());
    return found;
}

void check_signature(const std::string& graph, const std::string& what, const std::vector<std::string>& names,
                     const Tensors& bound, size_t count,
                     const std::function<et::Result<et::TensorInfo>(size_t)>& meta) {
    const std::string place = "graph '" + graph + "': ";
    if (count != names.size()) {
        throw InputError(place + "the file has " + std::to_string(count) + " " + what + "s, the manifest " +
                         std::to_string(names.size()));
    }
    if (bound.size() != names.size()) throw InputError(place + "a call must name each " + what + " once");
    for (size_t index = 0; index < count; ++index) {
        const auto info = meta(index);
        const auto tensor = bound.find(names[index]);
        if (tensor == bound.end()) throw InputError(place + what + " '" + names[index] + "' is missing");
        const std::string found = describe(tensor->second.dtype, tensor->second.shape);
        const std::string here = place + what + " '" + names[index] + "' is ";
        if (!info.ok()) throw InputError(here + found + " in the call and no tensor in the file");
        const Shape shape(info->sizes().begin(), info->sizes().end());
        const auto dtype = dtype_of(info->scalar_type());
        if (!dtype) throw InputError(here + "of a dtype that bundles do not have");
        if (*dtype != tensor->second.dtype || shape != tensor->second.shape) {
            throw InputError(here + describe(*dtype, shape) + " in the file, " + found + " in the call");
        }
    }
}

void set_threads(int threads) {
    auto* pool = executorch::extension::threadpool::get_threadpool();
    // replacing it under loaded programs is unsafe, so only where it must change
    if (pool && pool->get_thread_count() != static_cast<size_t>(threads)) {
        pool->_unsafe_reset_threadpool(static_cast<uint32_t>(threads));
    }
}

}  // namespace

struct BoundCall::Arguments {
    std::string graph;
    et::Method* method;
    std::vector<std::unique_ptr<Described>> inputs;
    std::vector<et::EValue> values;  // of the inputs
    std::vector<Tensor> outputs;
};

BoundCall::BoundCall(const std::string& graph, const GraphFile& file, Method& method, const Tensors& inputs,
                     const Tensors& outputs)
    : arguments_(std::make_unique<Arguments>()) {
    const auto meta = method.method().method_meta();
    check_signature(graph, "input", file.inputs, inputs, meta.num_inputs(),
                    [&](size_t index) { return meta.input_tensor_meta(index); });
    check_signature(graph, "output", file.outputs, outputs, meta.num_outputs(),
                    [&](size_t index) { return meta.output_tensor_meta(index); });
    arguments_->graph = graph;
    arguments_->method = &method.method();
    for (const std::string& name : file.inputs) {
        arguments_->inputs.push_back(describe_to_executorch(inputs.at(name)));
        arguments_->values.emplace_back(executorch::aten::Tensor(&*arguments_->inputs.back()->tensor));
    }
    for (const std::string& name : file.outputs) arguments_->outputs.push_back(outputs.at(name));
}

BoundCall::BoundCall(BoundCall&&) noexcept = default;
BoundCall::~BoundCall() = default;

void BoundCall::operator()() {
    et::Method& method = *arguments_->method;
    et::Error error = et::Error::Ok;
    for (size_t index = 0; index < arguments_->values.size() && error == et::Error::Ok; ++index) {
        error = method.set_input(arguments_->values[index], index);
    }
    if (error == et::Error::Ok) error = method.execute();
    if (error != et::Error::Ok) {
        const std::string said = last_words();
        throw RunError("graph '" + arguments_->graph + "': ExecuTorch gave up: " +
                       (said.empty() ? "error " + std::to_string(static_cast<int>(error)) : said));
    }
    for (size_t index = 0; index < arguments_->outputs.size(); ++index) {
        const Tensor& output = arguments_->outputs[index];
        std::memcpy(output.data, method.get_output(index).toTensor().const_data_ptr(), output.bytes());
    }
}

Graphs::Graphs(const Bundle& bundle, int threads) : files_(bundle.target(kTarget).graphs) {
    bundle.check_files(kTarget);
    start_runtime();
    set_threads(threads);
    for (const auto& [graph, file] : files_) {
        auto& program = programs_[file.path];
        if (!program) program = std::make_unique<Program>(bundle.path(file.path));
        methods_[graph] = std::make_unique<Method>(*program, file.entry);
    }
}

Graphs::~Graphs() { methods_.clear(); }

BoundCall Graphs::bind(const std::string& graph, const Tensors& inputs, const Tensors& outputs) {
    return BoundCall(graph, files_.at(graph), method_of(graph), inputs, outputs);
}

std::map<std::string, std::pair<Dtype, Shape>> Graphs::outputs_of(const std::string& graph) const {
    const auto meta = method_of(graph).method().method_meta();
    const std::vector<std::string>& names = files_.at(graph).outputs;
    std::map<std::string, std::pair<Dtype, Shape>> found;
    for (size_t index = 0; index < names.size() && index < meta.num_outputs(); ++index) {
        const auto info = meta.output_tensor_meta(index);
        const auto dtype = info.ok() ? dtype_of(info->scalar_type()) : std::nullopt;
        if (dtype) found[names[index]] = {*dtype, Shape(info->sizes().begin(), info->sizes().end())};
    }
    return found;
}

Method& Graphs::method_of(const std::string& graph) const {
    const auto found = methods_.find(graph);
    if (found == methods_.end()) throw InputError("no graph '" + graph + "' in the bundle");
    return *found->second;
}

const char* Graphs::runtime_version() { return GFNET_EXECUTORCH_VERSION; }

}  // namespace gfnet
