#include <algorithm>

#include "core/error.h"
#include "core/picture.h"
#include "core/resample.h"
#include "core/rgb.h"

namespace gfnet {
namespace {

constexpr int64_t kMostPixels = 89'478'485;  // where Pillow stops: a quarter of a gigabyte of RGB
constexpr int64_t kLongestRatio =
    100;  // a longer picture would not fit into memory once its short side is resized

// EXIF orientation, as what has to be done to the stored picture: exchange rows and columns, then mirror.
struct Turn {
    bool transposed;
    bool mirror_columns;
    bool mirror_rows;
};

Turn turn_of(int orientation) {
    switch (orientation) {
        case 2:
            return {false, true, false};
        case 3:
            return {false, true, true};
        case 4:
            return {false, false, true};
        case 5:
            return {true, false, false};
        case 6:
            return {true, true, false};
        case 7:
            return {true, true, true};
        case 8:
            return {true, false, true};
        default:
            return {false, false, false};
    }
}

std::vector<uint8_t> transpose(const std::vector<uint8_t>& pixels, int side) {
    auto size = static_cast<size_t>(side);
    std::vector<uint8_t> result(pixels.size());
    for (size_t row = 0; row < size; ++row) {
        for (size_t column = 0; column < size; ++column) {
            std::copy_n(&pixels[(column * size + row) * 3], 3, &result[(row * size + column) * 3]);
        }
    }
    return result;
}

}  // namespace

void check_extent(int64_t width, int64_t height, const std::string& name) {
    if (width <= 0 || height <= 0) throw InputError(name + ": has no pixels");
    if (width > kMostPixels / height) {
        throw InputError(name + ": more than " + std::to_string(kMostPixels) +
                         " pixels; scale it down first");
    }
    if (std::max(width, height) > kLongestRatio * std::min(width, height)) {
        throw InputError(name + ": " + std::to_string(width) + " x " + std::to_string(height) +
                         " pixels are too narrow; crop it first");
    }
}

// The stored picture is not turned: the resize reads it along the axes that it will have, and only the small
// result is transposed.
Prepared prepare(const Source& source, const Preprocessing& preprocessing) {
    check_extent(source.width, source.height, "the picture");
    Turn turn = turn_of(source.orientation);
    int width = turn.transposed ? source.height : source.width;
    int height = turn.transposed ? source.width : source.height;
    int size = preprocessing.size;
    int64_t resize = preprocessing.resize, shortest = std::min(width, height);
    int across = static_cast<int>(resize * width / shortest),
        down = static_cast<int>(resize * height / shortest);
    int top = (down - size) / 2, left = (across - size) / 2;

    Axis columns = make_axis(width, across, left, size, preprocessing.filter);
    Axis rows = make_axis(height, down, top, size, preprocessing.filter);
    if (turn.mirror_columns) reverse_input(columns, width);
    if (turn.mirror_rows) reverse_input(rows, height);

    // As Pillow does it from version 13 on; before, it began with the rows always.
    bool down_first = height - down > std::max(2 * (width - across), 0);
    Rgb rgb = to_srgb(source);
    std::vector<uint8_t> pixels;
    if (turn.transposed) {
        pixels = transpose(resample(rgb.data, rgb.row_bytes, columns, rows, !down_first), size);
    } else {
        pixels = resample(rgb.data, rgb.row_bytes, rows, columns, down_first);
    }
    return {std::move(pixels),
            size,
            width,
            height,
            static_cast<double>(height) / down,
            static_cast<double>(width) / across,
            top,
            left};
}

Region Prepared::region() const { return region(0, 0, size); }

Region Prepared::region(int row, int column, int patch_size) const {
    return {(offset_row + row) * down, (offset_column + column) * across, patch_size * down,
            patch_size * across};
}

void to_tensor(const uint8_t* pixels, int size, float* out) {
    size_t count = static_cast<size_t>(size) * static_cast<size_t>(size);
    for (size_t c = 0; c < 3; ++c) {
        for (size_t i = 0; i < count; ++i)
            out[c * count + i] = static_cast<float>(pixels[i * 3 + c]) / 255.0F;
    }
}

}  // namespace gfnet
