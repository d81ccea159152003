// Does the target compute what the eager model computed? Each graph alone on golden inputs, then the whole
// loop; the same table as `gfnet-mobile verify`. See docs/measure.md.
#pragma once

#include <string>
#include <vector>

#include "core/bundle.h"
#include "core/graphs.h"

namespace gfnet {

struct Row {
    std::string mode;  // "graph" or "loop"
    size_t step;
    std::string graph, tensor;
    double difference;  // relative to the tensor's largest golden value; of positions in pixels
    double allowed;

    bool ok() const { return difference <= allowed; }  // false for NaN
};

struct Report {
    std::vector<Row> rows;
    size_t images, labels,
        steps;  // golden images; that end with the same label; after the same number of steps

    bool ok() const;
};

// Throws RunError where a graph cannot be run.
Report verify(const Bundle& bundle, Graphs& graphs);

}  // namespace gfnet
