// One method of an ExecuTorch program, with all the memory that it needs.
#pragma once

#include <executorch/extension/data_loader/file_data_loader.h>
#include <executorch/runtime/executor/memory_manager.h>
#include <executorch/runtime/executor/method.h>
#include <executorch/runtime/executor/program.h>

#include <memory>
#include <string>
#include <vector>

#include "core/arena.h"
#include "core/tensor.h"

namespace gfnet {

class Program {
  public:
    // Throws InputError.
    explicit Program(const std::string& path);

    const executorch::runtime::Program& program() const { return *program_; }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
    std::unique_ptr<executorch::extension::FileDataLoader> loader_;
    std::unique_ptr<executorch::runtime::Program> program_;
};

class Method {
  public:
    // Throws InputError.
    Method(const Program& program, const std::string& name);

    executorch::runtime::Method& method() { return *method_; }
    const executorch::runtime::Method& method() const { return *method_; }

  private:
    std::vector<std::vector<uint8_t>> planned_,
        outputs_;  // memory of values, and of outputs that were not planned
    std::vector<executorch::runtime::Span<uint8_t>> spans_;
    std::unique_ptr<executorch::runtime::HierarchicalAllocator> hierarchy_;
    Arena lasting_, temporary_;
    std::unique_ptr<executorch::runtime::MemoryManager> memory_;
    std::unique_ptr<executorch::runtime::Method> method_;
};

// Before anything else of ExecuTorch: what it logs is kept, not printed. Once is enough, twice does no harm.
void start_runtime();

// What ExecuTorch said last of errors.
std::string last_words();

}  // namespace gfnet
