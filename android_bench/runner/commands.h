// The commands of gfnet-runner; each returns its exit code. They throw InputError and RunError.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/session.h"

namespace gfnet {

struct RunOptions {
    std::vector<std::string> images;
    std::string rule;
    std::optional<double> threshold;
    Limits limits;
};

struct BenchOptions {
    size_t rounds = 30, warmup = 5;
};

int run(const std::string& bundle, int threads, const RunOptions& options);
int verify(const std::string& bundle, int threads);
int bench(const std::string& bundle, int threads, const BenchOptions& options);

}  // namespace gfnet
