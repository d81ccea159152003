// The registers of a client that works step by step: the server's memory, under the client's names.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/graphs.h"

namespace gfnet {

class Registers {
  public:
    // Throws InputError if there is none of that name.
    const Tensor& at(const std::string& name) const;
    // The register, made or remade where it is not of this dtype and shape. Throws InputError above the
    // limits. What it held before stays valid until `settle`.
    const Tensor& shaped(const std::string& name, Dtype dtype, const Shape& shape);
    // Frees the memory of registers that were remade.
    void settle() { former_.clear(); }

  private:
    struct Kept {
        std::unique_ptr<uint8_t[]> memory;
        Tensor tensor;
    };

    std::map<std::string, Kept> kept_;
    std::vector<std::unique_ptr<uint8_t[]>> former_;
    size_t bytes_ = 0;
};

// Makes the calls of a `run` request; gives the milliseconds of each.
std::vector<double> run_calls(const Json& calls, Registers& registers, Graphs& graphs);

}  // namespace gfnet
