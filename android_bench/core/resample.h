// Pillow's antialiased resize, of the part that a crop keeps.
#pragma once

#include <vector>

#include "core/picture.h"

namespace gfnet {

// One side of a resize: each output pixel is a weighted sum of `count` input pixels from `first` on.
struct Axis {
    struct Window {
        int first;
        int count;
    };
    std::vector<Window> windows;
    std::vector<int32_t> weights;  // [outputs, stride], 22 fractional bits
    size_t stride;
};

// The outputs `from` to `from + count` of a side of `input` pixels resized to `output`.
Axis make_axis(int input, int output, int from, int count, Filter filter);

// The same for an input side that runs backwards.
void reverse_input(Axis& axis, int input);

// Pixels of [*, *, 3] to [outputs of down, outputs of across, 3]. Each pass rounds to 8 bits, so that their
// order shows in the last bit.
std::vector<uint8_t> resample(const uint8_t* pixels, size_t row_bytes, const Axis& down, const Axis& across,
                              bool down_first);

}  // namespace gfnet
