// Embedded colour profiles. On Apple's systems pictures come here in sRGB already, so that nothing has to be
// converted.
#ifdef __APPLE__
#include "core/colour_profile.h"

namespace gfnet {

ColourTransform::ColourTransform(const uint8_t*, size_t, bool) {}
void ColourTransform::apply(const uint8_t*, int, uint8_t*) const {}

}  // namespace gfnet
#else
#include "core/colour_profile.cpp"
#endif
