// All graphs of a bundle's target "executorch", loaded: bind one to memory, then call it as often as you
// like.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/bundle.h"

namespace gfnet {

inline constexpr const char* kTarget = "executorch";

using Tensors = std::map<std::string, Tensor>;  // tensor of the graph → where its values are

class Method;
class Program;

// One call, bound: each time it reads its inputs and writes its outputs, in place. An output may be an input
// too.
class BoundCall {
  public:
    // Throws InputError unless the tensors are those that the method takes and gives.
    BoundCall(const std::string& graph, const GraphFile& file, Method& method, const Tensors& inputs,
              const Tensors& outputs);
    BoundCall(BoundCall&&) noexcept;
    ~BoundCall();

    // Throws RunError if ExecuTorch gives up.
    void operator()();

  private:
    struct Arguments;
    std::unique_ptr<Arguments> arguments_;
};

class Graphs {
  public:
    // Checks the files and loads every graph. Threads are a pool that belongs to the process: not two of
    // these at a time with different numbers. Throws InputError for files that ExecuTorch cannot load.
    Graphs(const Bundle& bundle, int threads);
    ~Graphs();

    BoundCall bind(const std::string& graph, const Tensors& inputs, const Tensors& outputs);
    // Dtype and shape of every output. Throws InputError if there is no such graph.
    std::map<std::string, std::pair<Dtype, Shape>> outputs_of(const std::string& graph) const;

    static const char* runtime_version();

  private:
    Method& method_of(const std::string& graph) const;

    const std::map<std::string, GraphFile> files_;
    std::map<std::string, std::unique_ptr<Program>>
        programs_;                                            // by path: several methods may lie in one file
    std::map<std::string, std::unique_ptr<Method>> methods_;  // by graph
};

}  // namespace gfnet
