// manifest.json as the runner sees it: the program, the graphs, the exit rules. See docs/bundle.md.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/fields.h"
#include "core/picture.h"
#include "core/tensor.h"

namespace gfnet {

// The one call that is no graph: cuts `patch` out of `image` at `position`.
inline constexpr const char* kCrop = "crop";

using Names = std::map<std::string, std::string>;

struct Register {
    Shape shape;
    Dtype dtype;
    bool is_stream;  // lives from image to image
};

struct Call {
    std::string graph;
    Names inputs;  // tensor of the graph → register
    Names outputs;
};

struct ProgramStep {
    std::vector<Call> calls;
    std::string logits;    // register, float32 [1, K]
    std::string position;  // register, int32 [1, 2]: row, column; empty at the glance
    int patch_size = 0;    // pixels
};

struct GraphFile {
    std::string path, entry;
    std::vector<std::string> inputs, outputs;  // in the order of positional arguments
    std::string compression;
    double tolerance;  // relative to the tensor's largest value
};

enum class Measure { kMaxSoftmax, kMargin, kEntropy };

struct ExitRule {
    Measure measure;
    std::vector<double> temperature;                // one per step
    std::vector<std::optional<double>> thresholds;  // one fewer; none: never there
    std::vector<double> step_ms;                    // each step's time, for a deadline; empty if not known
};

struct Target {
    std::map<std::string, GraphFile> graphs;
    std::map<std::string, ExitRule> rules;  // found anew for this target, in place of the bundle's

    bool is_exact() const;  // nothing compressed, so that positions must be equal
};

struct FileEntry {
    std::string sha256;
    uint64_t bytes;
};

struct Manifest {
    std::string bundle_id;
    Preprocessing preprocessing;
    std::map<std::string, Register> registers;
    std::string image;  // the register that takes the image
    std::vector<ProgramStep> steps;
    std::map<std::string, Target> targets;
    std::vector<std::string> labels;  // empty, or one per class
    std::map<std::string, ExitRule> rules;
    std::string default_rule;
    std::string golden_path;
    size_t golden_count;
    std::map<std::string, FileEntry> files;

    size_t classes() const;
    // Graphs that the program calls, in the order of their first call.
    std::vector<std::string> graphs() const;
    // The exit rule of that name for a target; the default for "". Throws InputError if there is none.
    const ExitRule& rule(const std::string& target, const std::string& name) const;
    // The files of a graph: itself, or all below a package folder.
    std::vector<std::string> files_of(const std::string& path) const;
};

// One exit rule, as it stands in a manifest. Throws InputError.
ExitRule parse_rule(const std::string& text, const std::string& where);

// Throws InputError for everything that a runner would trip over later, and for a bundle_id that does not
// follow from the content.
Manifest parse_manifest(const std::string& text, const std::string& where);

}  // namespace gfnet
