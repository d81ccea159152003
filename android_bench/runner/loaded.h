// A bundle, its graphs in memory, and a session on them.
#pragma once

#include <memory>

#include "core/session.h"

namespace gfnet {

struct Loaded {
    Bundle bundle;
    int threads;
    double load_ms;
    std::unique_ptr<Graphs> graphs;
    std::unique_ptr<Session> session;

    static std::unique_ptr<Loaded> load(const std::string& folder, int threads);
};

}  // namespace gfnet
