#include "core/golden.h"

#include <cstring>

#include "core/error.h"
#include "core/picture.h"

namespace gfnet {

namespace {

std::string key(size_t step, const std::string& graph, const std::string& tensor) {
    return std::to_string(step) + "." + graph + "." + tensor;
}

size_t bytes_of(const Register& one) { return elements_of(one.shape) * size_of(one.dtype); }

}  // namespace

Golden::Golden(const Bundle& bundle) : count_(bundle.manifest.golden_count) {
    bundle.check_golden();
    const std::string path = bundle.path(bundle.manifest.golden_path);
    file_ = read_safetensors(path);
    for (const TensorEntry& entry : file_.header.tensors) tensors_.emplace(entry.name, entry);

    const auto expect = [&](const std::string& name, Dtype dtype, Shape shape) {
        shape[0] = static_cast<int32_t>(count_);
        const auto found = tensors_.find(name);
        if (found == tensors_.end()) throw InputError(path + ": tensor '" + name + "' is missing");
        if (found->second.dtype != dtype || found->second.shape != shape) {
            throw InputError(path + ": tensor '" + name + "' must be " + describe(dtype, shape));
        }
    };
    const int size = bundle.manifest.preprocessing.size;
    expect("images", Dtype::kUint8, {1, size, size, 3});
    for (size_t step = 0; step < bundle.manifest.steps.size(); ++step) {
        for (const Call& call : bundle.manifest.steps[step].calls) {
            for (const auto& [tensor, name] : call.outputs) {
                const Register& one = bundle.manifest.registers.at(name);
                expect(key(step, call.graph, tensor), one.dtype, one.shape);
            }
        }
    }
}

const uint8_t* Golden::image(size_t index) const { return row("images", index); }

const uint8_t* Golden::output(size_t index, size_t step, const std::string& graph,
                              const std::string& tensor) const {
    return row(key(step, graph, tensor), index);
}

const uint8_t* Golden::row(const std::string& name, size_t index) const {
    const TensorEntry& entry = tensors_.at(name);
    return file_.data(entry) + index * ((entry.end - entry.begin) / count_);
}

GoldenRegisters::GoldenRegisters(const Manifest& manifest, const Golden& golden)
    : manifest_(manifest), golden_(golden) {
    for (const auto& [name, one] : manifest.registers) values_[name].resize(bytes_of(one));
}

void GoldenRegisters::begin(size_t image) {
    image_ = image;
    for (const auto& [name, one] : manifest_.registers) {
        if (!one.is_stream || image == 0) std::fill(values_[name].begin(), values_[name].end(), 0);
    }
    to_tensor(golden_.image(image), manifest_.preprocessing.size,
              reinterpret_cast<float*>(values_[manifest_.image].data()));
}

Tensors GoldenRegisters::copied(const Names& names, std::vector<std::vector<uint8_t>>& memory) const {
    Tensors tensors;
    for (const auto& [tensor, name] : names) {
        const Register& one = manifest_.registers.at(name);
        memory.push_back(values_.at(name));
        tensors.emplace(tensor, Tensor{one.dtype, one.shape, memory.back().data()});
    }
    return tensors;
}

void GoldenRegisters::take(size_t step, const Call& call) {
    for (const auto& [tensor, name] : call.outputs) {
        std::vector<uint8_t>& value = values_[name];
        std::memcpy(value.data(), golden_.output(image_, step, call.graph, tensor), value.size());
    }
}

}  // namespace gfnet
