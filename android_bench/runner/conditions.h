// What the system tells of a device and of its state, as far as it does.
#pragma once

#include "core/fields.h"

namespace gfnet {

// model, os, abi, cores
Json device_facts();

// thermal, frequencies_mhz, governor, peak_memory_bytes, load_average: now
Json conditions();

}  // namespace gfnet
