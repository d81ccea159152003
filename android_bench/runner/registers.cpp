#include "runner/registers.h"

#include "core/clock.h"
#include "core/crop.h"
#include "core/error.h"

namespace gfnet {

namespace {

constexpr size_t kMostRegisters = 1024, kMostBytes = size_t{1} << 30;

template <typename Bound>
double timed(Bound&& call) {
    const auto start = Clock::now();
    call();
    return milliseconds_since(start);
}

double run_call(const Json& call, Registers& registers, Graphs& graphs) {
    const std::string graph = call["graph"];
    const Names input_names = call["inputs"], output_names = call["outputs"];
    Tensors inputs, outputs;
    for (const auto& [tensor, name] : input_names) inputs.emplace(tensor, registers.at(name));
    if (graph == kCrop) {
        for (const auto& [tensor, name] : output_names) outputs.emplace(tensor, registers.at(name));
        return timed(Crop(inputs, outputs));
    }
    const auto known = graphs.outputs_of(graph);
    for (const auto& [tensor, name] : output_names) {
        const auto found = known.find(tensor);
        if (found == known.end())
            throw InputError("graph '" + graph + "': it has no output '" + tensor + "'");
        outputs.emplace(tensor, registers.shaped(name, found->second.first, found->second.second));
    }
    BoundCall bound = graphs.bind(graph, inputs, outputs);
    const double milliseconds = timed(bound);
    registers.settle();
    return milliseconds;
}

}  // namespace

const Tensor& Registers::at(const std::string& name) const {
    const auto found = kept_.find(name);
    if (found == kept_.end()) throw InputError("register '" + name + "' holds nothing yet; write it first");
    return found->second.tensor;
}

const Tensor& Registers::shaped(const std::string& name, Dtype dtype, const Shape& shape) {
    const auto found = kept_.find(name);
    if (found != kept_.end() && found->second.tensor.dtype == dtype && found->second.tensor.shape == shape) {
        return found->second.tensor;
    }
    const size_t bytes = elements_of(shape) * size_of(dtype);
    const size_t had = found == kept_.end() ? 0 : found->second.tensor.bytes();
    if (found == kept_.end() && kept_.size() >= kMostRegisters) throw InputError("more than 1024 registers");
    if (bytes > kMostBytes || bytes_ - had + bytes > kMostBytes)
        throw InputError("registers of more than 1 GiB");
    Kept kept{std::unique_ptr<uint8_t[]>(new uint8_t[bytes]()), {dtype, shape, nullptr}};
    kept.tensor.data = kept.memory.get();
    bytes_ += bytes - had;
    if (found != kept_.end()) former_.push_back(std::move(found->second.memory));
    return (kept_[name] = std::move(kept)).tensor;
}

std::vector<double> run_calls(const Json& calls, Registers& registers, Graphs& graphs) {
    std::vector<double> milliseconds;
    for (const Json& call : calls) milliseconds.push_back(run_call(call, registers, graphs));
    return milliseconds;
}

}  // namespace gfnet
