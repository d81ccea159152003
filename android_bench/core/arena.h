// Memory for what kernels need while they run: it grows in the first pass and is reused in all others.
#pragma once

#include <executorch/runtime/core/memory_allocator.h>

#include <memory>
#include <vector>

namespace gfnet {

class Arena : public executorch::runtime::MemoryAllocator {
  public:
    Arena() : MemoryAllocator(0, nullptr) {}

    void* allocate(size_t size, size_t alignment) override;
    void reset() override;
    size_t used_size() const override;

  private:
    struct Block {
        std::unique_ptr<uint8_t[]> memory;
        size_t size, used;
    };

    std::vector<Block> blocks_;
    size_t current_ = 0;
};

}  // namespace gfnet
