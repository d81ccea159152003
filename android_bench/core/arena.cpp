#include "core/arena.h"

#include <algorithm>
#include <cstdint>
#include <new>

namespace gfnet {

namespace {
constexpr size_t kSmallestBlock = 1 << 14;  // bytes
}

void* Arena::allocate(size_t size, size_t alignment) {
    if (!isPowerOf2(alignment)) return nullptr;
    for (; current_ < blocks_.size(); ++current_) {
        Block& block = blocks_[current_];
        const auto start = reinterpret_cast<uintptr_t>(block.memory.get());
        const size_t offset = ((start + block.used + alignment - 1) & ~(uintptr_t{alignment} - 1)) - start;
        if (offset <= block.size && size <= block.size - offset) {
            block.used = offset + size;
            return block.memory.get() + offset;
        }
    }
    if (size > SIZE_MAX - alignment) return nullptr;
    const size_t wanted = std::max(kSmallestBlock, size + alignment);
    auto* memory = new (std::nothrow) uint8_t[wanted];
    if (!memory) return nullptr;
    blocks_.push_back({std::unique_ptr<uint8_t[]>(memory), wanted, 0});
    return allocate(size, alignment);
}

void Arena::reset() {
    for (Block& block : blocks_) block.used = 0;
    current_ = 0;
}

size_t Arena::used_size() const {
    size_t used = 0;
    for (const Block& block : blocks_) used += block.used;
    return used;
}

}  // namespace gfnet
