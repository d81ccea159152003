// The form of manifest.json, member by member: docs/manifest.schema.json as checks.
#pragma once

#include "core/fields.h"

namespace gfnet {

// Checks the whole document and puts in the values of members that were left out.
Check manifest_form();
Check rule_form();

}  // namespace gfnet
