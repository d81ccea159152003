// The smallest program on ExecuTorch: run_pte FILE, float32 from standard input through `forward` to standard output.

#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>

#include <cstdio>
#include <vector>

namespace et = executorch::extension;

int main(int count, char** arguments) {
    if (count != 2) {
        std::fprintf(stderr, "usage: run_pte FILE < INPUT > OUTPUT\n");
        return 2;
    }
    et::Module module(arguments[1]);
    const auto meta = module.method_meta("forward");
    if (!meta.ok()) {
        std::fprintf(stderr, "%s: cannot be loaded (error %d)\n", arguments[1], static_cast<int>(meta.error()));
        return 2;
    }
    const auto sizes = meta->input_tensor_meta(0)->sizes();
    const std::vector<executorch::aten::SizesType> shape(sizes.begin(), sizes.end());
    auto input = et::zeros(shape, executorch::aten::ScalarType::Float);
    const size_t numbers = static_cast<size_t>(input->numel());
    if (std::fread(input->mutable_data_ptr<float>(), sizeof(float), numbers, stdin) != numbers) {
        std::fprintf(stderr, "standard input ends before %zu numbers\n", numbers);
        return 2;
    }
    const auto result = module.forward(input);
    if (!result.ok()) {
        std::fprintf(stderr, "forward failed (error %d)\n", static_cast<int>(result.error()));
        return 1;
    }
    const auto output = result->at(0).toTensor();
    std::fwrite(output.const_data_ptr<float>(), sizeof(float), static_cast<size_t>(output.numel()), stdout);
    return 0;
}
