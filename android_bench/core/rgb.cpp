#include "core/rgb.h"

#include "core/colour_profile.h"

namespace gfnet {
namespace {

uint8_t to_8_bits(uint8_t value, int /*channels*/) { return value; }

// Pillow rounds where 16 bits are all grey and takes the high byte elsewhere.
uint8_t to_8_bits(uint16_t value, int channels) {
    return static_cast<uint8_t>(channels == 1 ? (value + 128) / 257 : value >> 8);
}

// The colour over white, rounded as Pillow's alpha_composite does.
uint8_t on_white(int value, int alpha) {
    int sum = value * alpha + 255 * (255 - alpha) + 128;
    return static_cast<uint8_t>((sum + (sum >> 8)) >> 8);
}

// One row to grey (1 channel, no alpha) or RGB. `kChannels` as in Source.
template <int kChannels, typename Value>
void flatten(const Value* in, int width, uint8_t* out) {
    constexpr int kColours = kChannels < 3 ? 1 : 3;
    for (int x = 0; x < width; ++x, in += kChannels) {
        uint8_t colours[3];
        for (int c = 0; c < kColours; ++c) colours[c] = to_8_bits(in[c], kChannels);
        if constexpr (kChannels == 2 || kChannels == 4) {
            int alpha = to_8_bits(in[kColours], kChannels);
            for (int c = 0; c < kColours; ++c) colours[c] = on_white(colours[c], alpha);
        }
        if constexpr (kChannels == 1) {
            *out++ = colours[0];
        } else {
            for (int c = 0; c < 3; ++c) *out++ = colours[kColours == 1 ? 0 : c];
        }
    }
}

template <typename Value>
void flatten(const Source& source, const Value* in, uint8_t* out) {
    switch (source.channels) {
        case 1:
            return flatten<1>(in, source.width, out);
        case 2:
            return flatten<2>(in, source.width, out);
        case 3:
            return flatten<3>(in, source.width, out);
        default:
            return flatten<4>(in, source.width, out);
    }
}

void grey_to_rgb(const uint8_t* grey, int width, uint8_t* out) {
    for (int x = 0; x < width; ++x, out += 3) out[0] = out[1] = out[2] = grey[x];
}

}  // namespace

Rgb to_srgb(const Source& source) {
    bool grey = source.channels == 1;
    // Python's 16-bit grey pictures lose their profile where they are scaled to 8 bits.
    bool profiled = source.icc_bytes > 0 && !(grey && source.bits == 16);
    ColourTransform transform =
        profiled ? ColourTransform(source.icc, source.icc_bytes, grey) : ColourTransform();
    const auto* data = static_cast<const uint8_t*>(source.data);
    if (source.channels == 3 && source.bits == 8 && !transform) return {data, source.row_bytes, {}};

    Rgb rgb{nullptr, static_cast<size_t>(source.width) * 3, {}};
    rgb.owned.resize(rgb.row_bytes * static_cast<size_t>(source.height));
    rgb.data = rgb.owned.data();
    std::vector<uint8_t> flat(rgb.row_bytes);
    for (int y = 0; y < source.height; ++y) {
        const uint8_t* row = data + static_cast<size_t>(y) * source.row_bytes;
        uint8_t* out = rgb.owned.data() + static_cast<size_t>(y) * rgb.row_bytes;
        uint8_t* middle = grey || transform ? flat.data() : out;
        if (source.bits == 16) {
            flatten(source, reinterpret_cast<const uint16_t*>(row), middle);
        } else {
            flatten(source, row, middle);
        }
        if (transform) {
            transform.apply(middle, source.width, out);
        } else if (grey) {
            grey_to_rgb(middle, source.width, out);
        }
    }
    return rgb;
}

}  // namespace gfnet
