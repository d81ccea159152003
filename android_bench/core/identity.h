// What makes two bundles the same network; see "Identity and integrity" in docs/bundle.md.
#pragma once

#include <string>

#include "core/fields.h"

namespace gfnet {

// From a manifest whose left-out members have been put in.
std::string bundle_id(const Json& manifest);

}  // namespace gfnet
