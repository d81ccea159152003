// Golden vectors: some images, and what the eager model made of them, call by call. See docs/bundle.md.
#pragma once

#include <string>
#include <vector>

#include "core/bundle.h"
#include "core/graphs.h"
#include "core/safetensors.h"

namespace gfnet {

class Golden {
  public:
    // Reads and checks golden.safetensors. Throws InputError for anything that does not fit the manifest.
    explicit Golden(const Bundle& bundle);

    size_t count() const { return count_; }
    // uint8 [S, S, 3] of one image
    const uint8_t* image(size_t index) const;
    // What a call of a step gave for one image: the values behind the batch axis.
    const uint8_t* output(size_t index, size_t step, const std::string& graph,
                          const std::string& tensor) const;

  private:
    const uint8_t* row(const std::string& name, size_t index) const;

    size_t count_;
    SafetensorsFile file_;
    std::map<std::string, TensorEntry> tensors_;
};

// Registers as the golden vectors have them, while one walks the program: what each call was given.
class GoldenRegisters {
  public:
    GoldenRegisters(const Manifest& manifest, const Golden& golden);

    // To the start of an image: streams keep what the image before left, others are zeros.
    void begin(size_t image);
    // A register's values, in its dtype and shape.
    const std::vector<uint8_t>& at(const std::string& name) const { return values_.at(name); }
    // Tensors of a graph on memory of their own, which `memory` keeps, with what the registers hold now.
    Tensors copied(const Names& names, std::vector<std::vector<uint8_t>>& memory) const;
    // What the call of this step left in its registers.
    void take(size_t step, const Call& call);

  private:
    const Manifest& manifest_;
    const Golden& golden_;
    size_t image_ = 0;
    std::map<std::string, std::vector<uint8_t>> values_;
};

}  // namespace gfnet
