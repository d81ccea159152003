#include "core/tensor.h"

namespace gfnet {

size_t size_of(Dtype dtype) {
    switch (dtype) {
        case Dtype::kFloat16:
            return 2;
        case Dtype::kUint8:
            return 1;
        default:
            return 4;
    }
}

size_t elements_of(const Shape& shape) {
    size_t elements = 1;
    for (int32_t extent : shape) elements *= static_cast<size_t>(extent);
    return elements;
}

std::string describe(Dtype dtype, const Shape& shape) {
    static const char* const kNames[] = {"float32", "float16", "int32", "uint8"};
    std::string text = std::string(kNames[static_cast<int>(dtype)]) + " [";
    for (size_t axis = 0; axis < shape.size(); ++axis) {
        text += (axis ? ", " : "") + std::to_string(shape[axis]);
    }
    return text + "]";
}

}  // namespace gfnet
