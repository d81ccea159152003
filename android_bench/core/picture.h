// From decoded pixels to the network's image, grey level for grey level as gfnet_mobile/host/preprocess.py
// does it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace gfnet {

enum class Filter { kBilinear, kBicubic };

// As the manifest has it, 0 < size <= resize.
struct Preprocessing {
    int size;    // side S of the square image, pixels
    int resize;  // length of the short side before the crop, pixels
    Filter filter;
};

// Pixels as a decoder gives them, in memory that belongs to the caller.
struct Source {
    int width = 0;  // as stored, before `orientation` is obeyed
    int height = 0;
    int channels = 3;            // 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA; alpha is not premultiplied
    int bits = 8;                // 8, or 16 in the machine's byte order
    const void* data = nullptr;  // [height, width, channels]
    size_t row_bytes = 0;        // from one row to the next
    int orientation = 1;         // EXIF's, 1 to 8
    const uint8_t* icc = nullptr;
    size_t icc_bytes = 0;
};

// A rectangle in the upright source picture, in its pixels.
struct Region {
    double top, left, height, width;
};

// The network's image, and the way back to the picture that it was cut from.
struct Prepared {
    std::vector<uint8_t> pixels;  // [S, S, 3]
    int size;                     // S
    int source_width;             // of the upright source, pixels
    int source_height;
    double down;     // source pixels per pixel of the resized picture, vertically
    double across;   // and horizontally
    int offset_row;  // of the centre crop in the resized picture
    int offset_column;

    // Where the whole image lies in the source.
    Region region() const;
    // Where the patch of side `patch_size` with its top-left pixel at `row`, `column` lies in the source.
    Region region(int row, int column, int patch_size) const;
};

// In this order: orientation; 16 bits to 8; transparency laid on white; the ICC profile converted to sRGB (a
// broken one is ignored); RGB; resize of the short side with an antialiased filter; centre crop. Throws
// InputError where a picture has no pixels, too many, or is too narrow.
Prepared prepare(const Source& source, const Preprocessing& preprocessing);

// Throws the InputError that `prepare` would for a picture of this extent, to be asked before it is decoded.
void check_extent(int64_t width, int64_t height, const std::string& name);

// Pixels [S, S, 3] to float32 [1, 3, S, S], divided by 255. `out` holds 3 * S * S values.
void to_tensor(const uint8_t* pixels, int size, float* out);

}  // namespace gfnet
