#include "core/session.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "core/clock.h"
#include "core/crop.h"
#include "core/error.h"

namespace gfnet {

namespace {

constexpr size_t kAlignment = 64;  // bytes: a cache line, and the widest vector

void fill_zeros(const std::vector<Tensor>& tensors) {
    for (const Tensor& tensor : tensors) std::memset(tensor.data, 0, tensor.bytes());
}

// Registers whose zeros a call can see: others are written before they are read.
std::set<std::string> read_before_written(const Manifest& manifest) {
    std::set<std::string> seen, written = {manifest.image};
    for (const ProgramStep& step : manifest.steps) {
        for (const Call& call : step.calls) {
            for (const auto& input : call.inputs) {
                if (!written.count(input.second)) seen.insert(input.second);
            }
            for (const auto& output : call.outputs) written.insert(output.second);
        }
    }
    return seen;
}

Tensors named(const Names& names, const Tensors& registers) {
    Tensors found;
    for (const auto& [tensor, name] : names) found.emplace(tensor, registers.at(name));
    return found;
}

}  // namespace

// A graph, or the built-in crop.
struct Session::Work {
    std::optional<BoundCall> graph;
    std::optional<Crop> crop;

    void operator()() {
        if (graph) {
            (*graph)();
        } else {
            (*crop)();
        }
    }
};

struct Session::Walk {
    std::vector<Work> calls;
    const float* logits;
    const int32_t* position;  // none at the glance
    int patch_size;
};

bool should_stop(const ExitRule& rule, const Limits& limits, const Step& step) {
    const size_t following = step.index + 1;
    if (limits.max_steps && following >= *limits.max_steps) return true;
    if (limits.deadline_ms) {
        const std::vector<double>& times = limits.expected_ms.empty() ? rule.step_ms : limits.expected_ms;
        const double expected = following < times.size() ? times[following] : 0;
        if (step.elapsed_ms + expected > *limits.deadline_ms) return true;
    }
    return should_stop(rule, step.index, step.logits, step.classes);
}

Session::Session(const Bundle& bundle, Graphs& graphs)
    : manifest_(bundle.manifest), probabilities_(bundle.manifest.classes()) {
    const std::set<std::string> fresh = read_before_written(manifest_);
    for (const auto& [name, one] : manifest_.registers) {
        Tensor tensor{one.dtype, one.shape, nullptr};
        memory_.emplace_back(tensor.bytes() + kAlignment);
        void* start = memory_.back().data();
        size_t space = memory_.back().size();
        tensor.data = std::align(kAlignment, tensor.bytes(), start, space);
        registers_.emplace(name, tensor);
        if (one.is_stream) stream_zeros_.push_back(tensor);
        if (!one.is_stream && fresh.count(name)) image_zeros_.push_back(tensor);
    }
    for (const ProgramStep& step : manifest_.steps) {
        Walk walk{{}, registers_.at(step.logits).as<float>(), nullptr, step.patch_size};
        if (!step.position.empty()) walk.position = registers_.at(step.position).as<int32_t>();
        for (const Call& call : step.calls) {
            const Tensors inputs = named(call.inputs, registers_), outputs = named(call.outputs, registers_);
            Work& work = walk.calls.emplace_back();
            if (call.graph == kCrop) {
                work.crop.emplace(inputs, outputs);
            } else {
                work.graph.emplace(graphs.bind(call.graph, inputs, outputs));
            }
        }
        steps_.push_back(std::move(walk));
    }
    next_ = steps_.size();  // no image yet
}

Session::~Session() = default;

float* Session::image() { return registers_.at(manifest_.image).as<float>(); }

void Session::begin() {
    fill_zeros(image_zeros_);
    next_ = 0;
    step_ = {};
}

bool Session::at_end() const { return next_ == steps_.size(); }

const Step& Session::next() {
    Walk& walk = steps_.at(next_);
    const auto start = Clock::now();
    auto before = start;
    for (Work& work : walk.calls) {
        work();
        const auto after = Clock::now();
        step_.graphs_ms += milliseconds(after - before);
        before = after;
    }
    softmax(walk.logits, probabilities_.size(), probabilities_.data());
    const auto best = std::max_element(walk.logits, walk.logits + probabilities_.size());
    step_.index = next_++;
    step_.logits = walk.logits;
    step_.probabilities = probabilities_.data();
    step_.classes = probabilities_.size();
    step_.label = static_cast<size_t>(best - walk.logits);
    step_.confidence = probabilities_[step_.label];
    step_.has_position = walk.position != nullptr;
    step_.row = walk.position ? walk.position[0] : 0;
    step_.column = walk.position ? walk.position[1] : 0;
    step_.patch_size = walk.patch_size;
    step_.elapsed_ms += milliseconds_since(start);
    return step_;
}

void Session::reset() {
    fill_zeros(stream_zeros_);
    next_ = steps_.size();
}

}  // namespace gfnet
