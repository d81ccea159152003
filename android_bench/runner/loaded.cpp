#include "runner/loaded.h"

#include "core/clock.h"
#include "core/error.h"

namespace gfnet {

namespace {
constexpr int kMostThreads = 256;
}

std::unique_ptr<Loaded> Loaded::load(const std::string& folder, int threads) {
    if (threads < 1 || threads > kMostThreads) {
        throw InputError("threads " + std::to_string(threads) + ": must be from 1 to " +
                         std::to_string(kMostThreads));
    }
    const auto start = Clock::now();
    auto loaded =
        std::unique_ptr<Loaded>(new Loaded{open_bundle(folder, kTarget), threads, 0, nullptr, nullptr});
    loaded->graphs = std::make_unique<Graphs>(loaded->bundle, threads);
    loaded->session = std::make_unique<Session>(loaded->bundle, *loaded->graphs);
    loaded->load_ms = milliseconds_since(start);
    return loaded;
}

}  // namespace gfnet
