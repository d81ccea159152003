// Colours of an embedded ICC profile to sRGB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace gfnet {

// False where there is nothing to convert: no profile, a broken one, or one for other channels.
class ColourTransform {
  public:
    ColourTransform() = default;
    // From the profile's colours, grey (one channel) or RGB, with the perceptual intent as Pillow takes it.
    ColourTransform(const uint8_t* icc, size_t bytes, bool grey);

    explicit operator bool() const { return transform_ != nullptr; }
    // `in`: uint8 [pixels] or [pixels, 3]; `out`: uint8 [pixels, 3].
    void apply(const uint8_t* in, int pixels, uint8_t* out) const;

  private:
    std::unique_ptr<void, void (*)(void*)> transform_{nullptr, nullptr};
};

}  // namespace gfnet
