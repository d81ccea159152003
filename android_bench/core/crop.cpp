#include "core/crop.h"

#include <cstring>

#include "core/error.h"

namespace gfnet {

namespace {

const Tensor& only(const Tensors& tensors, const std::string& name, size_t count) {
    const auto found = tensors.find(name);
    if (found == tensors.end() || tensors.size() != count) {
        throw InputError("crop takes image and position and gives patch");
    }
    return found->second;
}

bool fits(const Tensor& image, const Tensor& patch) {
    return image.dtype == patch.dtype && image.shape.size() == 4 && patch.shape.size() == 4 &&
           image.shape[0] == 1 && patch.shape[0] == 1 && image.shape[1] == patch.shape[1] &&
           patch.shape[2] <= image.shape[2] && patch.shape[3] <= image.shape[3];
}

}  // namespace

Crop::Crop(const Tensors& inputs, const Tensors& outputs)
    : image_(only(inputs, "image", 2)),
      position_(only(inputs, "position", 2)),
      patch_(only(outputs, "patch", 1)) {
    if (position_.dtype != Dtype::kInt32 || position_.shape != Shape{1, 2}) {
        throw InputError("crop needs an int32 [1, 2] position");
    }
    if (!fits(image_, patch_)) {
        throw InputError("crop cannot cut " + describe(patch_.dtype, patch_.shape) + " out of " +
                         describe(image_.dtype, image_.shape));
    }
}

void Crop::operator()() const {
    const int32_t row = position_.as<int32_t>()[0], column = position_.as<int32_t>()[1];
    const int32_t height = patch_.shape[2], width = patch_.shape[3];
    if (row < 0 || column < 0 || row > image_.shape[2] - height || column > image_.shape[3] - width) {
        throw RunError("position (" + std::to_string(row) + ", " + std::to_string(column) +
                       ") puts the patch outside the image; the graphs are broken");
    }
    const size_t pixel = size_of(image_.dtype), line = static_cast<size_t>(width) * pixel;
    const size_t stride = static_cast<size_t>(image_.shape[3]) * pixel;
    auto* to = patch_.as<uint8_t>();
    for (int32_t channel = 0; channel < patch_.shape[1]; ++channel) {
        const size_t first = (static_cast<size_t>(channel) * image_.shape[2] + row) * stride + column * pixel;
        const uint8_t* from = image_.as<uint8_t>() + first;
        for (int32_t y = 0; y < height; ++y, from += stride, to += line) std::memcpy(to, from, line);
    }
}

}  // namespace gfnet
