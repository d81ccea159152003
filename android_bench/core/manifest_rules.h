// What JSON Schema cannot say of a manifest: that its parts fit each other.
#pragma once

#include <string>

#include "core/manifest.h"

namespace gfnet {

// Exactly one register takes the image.
void check_inputs(const Json& document, const std::string& where);
void check_rules(const Json& document, const Manifest& manifest, const std::string& where);

}  // namespace gfnet
