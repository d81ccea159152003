// The clock that measures: it never goes back.
#pragma once

#include <chrono>

namespace gfnet {

using Clock = std::chrono::steady_clock;

inline double milliseconds(Clock::duration span) {
    return std::chrono::duration<double, std::milli>(span).count();
}

inline double milliseconds_since(Clock::time_point start) { return milliseconds(Clock::now() - start); }

}  // namespace gfnet
