// What decoders leave out of a picture file: orientation, colour profile, and whether the file is whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gfnet {

enum class Container { kNone, kJpeg, kPng, kBmp };

struct Metadata {
    Container container = Container::kNone;
    bool whole = true;  // false where a JPEG or BMP ends early, which the decoder forgives
    bool sound = true;  // false where a JPEG's Huffman tables are damaged
    int64_t width = 0;  // of a PNG, as its header says: too large a one the decoder does not recognise
    int64_t height = 0;
    bool black_white = false;  // a PNG of one bit a pixel
    int orientation = 1;       // EXIF's, 1 to 8
    std::vector<uint8_t> icc;  // empty where there is none, or a broken one
};

// Reads the container's headers. Never fails: what is damaged is left out.
Metadata read_metadata(const uint8_t* data, size_t size);

}  // namespace gfnet
