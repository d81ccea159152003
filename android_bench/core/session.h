// The runner: walks a bundle's program over one image at a time, step by step. It knows no backbone, no exit
// head and no number of steps. Registers are allocated and bound once; a step is a handful of prepared calls.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/bundle.h"
#include "core/exit_rules.h"
#include "core/graphs.h"

namespace gfnet {

// What is known after one step. The pointers hold until the next one.
struct Step {
    size_t index;  // 0 is the glance
    const float* logits;
    const float* probabilities;  // [K], as the logits
    size_t classes;
    size_t label;  // class index
    float confidence;
    bool has_position;
    int row, column;    // of the patch's top-left pixel in the S x S image
    int patch_size;     // pixels
    double elapsed_ms;  // work of this and earlier steps, the caller's time left out
    double graphs_ms;   // how much of it the calls took
};

// Where a sequence ends, beside the exit rule.
struct Limits {
    std::optional<size_t> max_steps;
    std::optional<double> deadline_ms;
    std::vector<double> expected_ms;  // of each step, 0 where it is left out; the rule's step_ms if empty
};

bool should_stop(const ExitRule& rule, const Limits& limits, const Step& step);

class Session {
  public:
    // Both must outlive the session.
    Session(const Bundle& bundle, Graphs& graphs);
    ~Session();

    // [1, 3, S, S], from 0 to 1: put the image here.
    float* image();
    // Registers that live as long as an image get their zeros.
    void begin();
    bool at_end() const;
    // Takes the next step; nothing is allocated after the first image. Throws RunError.
    const Step& next();
    // Forgets the stream: what a video model carries from image to image.
    void reset();
    // A register as the last call left it.
    const Tensor& register_of(const std::string& name) const { return registers_.at(name); }

  private:
    struct Work;
    struct Walk;

    const Manifest& manifest_;
    std::vector<std::vector<uint8_t>> memory_;
    Tensors registers_;
    std::vector<Tensor> image_zeros_, stream_zeros_;  // what must be filled anew with an image, with a stream
    std::vector<Walk> steps_;
    std::vector<float> probabilities_;
    size_t next_;
    Step step_;
};

}  // namespace gfnet
