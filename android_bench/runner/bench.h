// Latency on the device: each graph alone, the whole sequence up to each step, and loading; numbered samples
// in an order that follows from their number, so that a measurement can be cut off and go on. See
// docs/wire.md.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/fields.h"
#include "runner/loaded.h"

namespace gfnet {

struct Plan {
    std::vector<std::string> whats;  // of a round: "graph:NAME", "end_to_end:STEP"
    size_t rounds, warmup;

    size_t samples() const;
    // "graph:…", "end_to_end:…" or "cold_load"
    const std::string& what(size_t sample) const;
    bool ends_round(size_t sample) const;
};

struct Sample {
    size_t index;
    std::string what;
    double ms;
    double graphs_ms;  // of end_to_end: what the calls of it took; 0 otherwise

    Json json() const;
};

// Throws InputError for numbers that make no measurement.
Plan make_plan(const Manifest& manifest, size_t rounds, size_t warmup);

// What a result will say of where it was taken.
Json context_of(const Loaded& loaded);

// Measures samples from number `first` on, after the warm-up. Stops where `take` is false.
void measure(Loaded& loaded, const Plan& plan, size_t first, const std::function<bool(const Sample&)>& take);

}  // namespace gfnet
