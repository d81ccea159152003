// A tensor that somebody else keeps: the four dtypes of bundles and frames, a shape, and where its bytes are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace gfnet {

enum class Dtype { kFloat32, kFloat16, kInt32, kUint8 };

using Shape = std::vector<int32_t>;

size_t size_of(Dtype dtype);
size_t elements_of(const Shape& shape);
// "float32 [1, 3, 8, 8]"
std::string describe(Dtype dtype, const Shape& shape);

struct Tensor {
    Dtype dtype;
    Shape shape;
    void* data;

    size_t bytes() const { return elements_of(shape) * size_of(dtype); }
    template <typename T>
    T* as() const {
        return static_cast<T*>(data);
    }
};

}  // namespace gfnet
