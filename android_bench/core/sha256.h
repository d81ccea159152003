// SHA-256 (FIPS 180-4). Phones' native code has no public library for it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace gfnet {

class Sha256 {
  public:
    void update(const void* data, size_t bytes);
    // 64 hexadecimal digits; the object is used up.
    std::string finish();

  private:
    void take_block(const uint8_t* block);

    std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::array<uint8_t, 64> open_ = {};  // a block that is not full yet
    size_t open_bytes_ = 0;
    uint64_t bytes_ = 0;
};

// Of a file's bytes. Throws InputError if it cannot be read.
std::string sha256_of_file(const std::string& path);

}  // namespace gfnet
