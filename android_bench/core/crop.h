// The built-in call: cuts patch [1, C, h, w] out of image [1, C, H, W] at position, int32 [1, 2] (row,
// column).
#pragma once

#include "core/graphs.h"

namespace gfnet {

class Crop {
  public:
    // Throws InputError unless there are exactly these tensors and the patch fits into the image.
    Crop(const Tensors& inputs, const Tensors& outputs);

    // Throws RunError for a position that puts the patch outside the image.
    void operator()() const;

  private:
    Tensor image_, position_, patch_;
};

}  // namespace gfnet
