#include "core/colour_profile.h"

#include <lcms2.h>

#include <limits>

namespace gfnet {
namespace {

void close_profile(void* profile) { cmsCloseProfile(profile); }

using Profile = std::unique_ptr<void, void (*)(void*)>;

}  // namespace

ColourTransform::ColourTransform(const uint8_t* icc, size_t bytes, bool grey) {
    if (bytes > std::numeric_limits<cmsUInt32Number>::max()) return;
    Profile source(cmsOpenProfileFromMem(icc, static_cast<cmsUInt32Number>(bytes)), close_profile);
    Profile srgb(cmsCreate_sRGBProfile(), close_profile);
    if (!source || !srgb) return;
    transform_ = {cmsCreateTransform(source.get(), grey ? TYPE_GRAY_8 : TYPE_RGB_8, srgb.get(), TYPE_RGB_8,
                                     INTENT_PERCEPTUAL, 0),
                  cmsDeleteTransform};
}

void ColourTransform::apply(const uint8_t* in, int pixels, uint8_t* out) const {
    cmsDoTransform(transform_.get(), in, out, static_cast<cmsUInt32Number>(pixels));
}

}  // namespace gfnet
