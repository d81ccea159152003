// An image for `run`: a picture, or a tensor that is ready.
#pragma once

#include <string>

#include "core/manifest.h"
#include "core/picture.h"

namespace gfnet {

// A picture file, read and prepared; or a .safetensors file whose tensor `image`, uint8 [S, S, 3], is the
// prepared picture. Throws InputError.
Prepared load_image(const std::string& path, const Preprocessing& preprocessing);

}  // namespace gfnet
