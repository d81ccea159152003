// Pixels of every kind to sRGB with 8 bits a channel.
#pragma once

#include <vector>

#include "core/picture.h"

namespace gfnet {

// Rows of RGB, as stored: not yet upright. They are the source's own where nothing has to be converted.
struct Rgb {
    const uint8_t* data;  // [height, width, 3]
    size_t row_bytes;
    std::vector<uint8_t> owned;  // what `data` points to, or empty
};

Rgb to_srgb(const Source& source);

}  // namespace gfnet
