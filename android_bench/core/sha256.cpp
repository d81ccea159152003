#include "core/sha256.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "core/error.h"

namespace gfnet {

namespace {

constexpr std::array<uint32_t, 64> kRound = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

uint32_t rotate(uint32_t word, int by) { return (word >> by) | (word << (32 - by)); }

}  // namespace

void Sha256::update(const void* data, size_t bytes) {
    const auto* next = static_cast<const uint8_t*>(data);
    bytes_ += bytes;
    while (bytes > 0) {
        if (open_bytes_ == 0 && bytes >= open_.size()) {
            take_block(next);
            next += open_.size();
            bytes -= open_.size();
            continue;
        }
        const size_t taken = std::min(bytes, open_.size() - open_bytes_);
        std::memcpy(open_.data() + open_bytes_, next, taken);
        open_bytes_ += taken;
        next += taken;
        bytes -= taken;
        if (open_bytes_ == open_.size()) {
            take_block(open_.data());
            open_bytes_ = 0;
        }
    }
}

std::string Sha256::finish() {
    const uint64_t bits = bytes_ * 8;
    const uint8_t one = 0x80, zero = 0;
    update(&one, 1);
    while (open_bytes_ != 56) update(&zero, 1);
    std::array<uint8_t, 8> length;
    for (int index = 0; index < 8; ++index) length[index] = static_cast<uint8_t>(bits >> (56 - 8 * index));
    update(length.data(), length.size());
    std::string digits;
    for (uint32_t word : state_) {
        for (int shift = 28; shift >= 0; shift -= 4) digits += "0123456789abcdef"[(word >> shift) & 15];
    }
    return digits;
}

void Sha256::take_block(const uint8_t* block) {
    std::array<uint32_t, 64> words;
    for (size_t index = 0; index < 16; ++index, block += 4) {
        words[index] =
            uint32_t{block[0]} << 24 | uint32_t{block[1]} << 16 | uint32_t{block[2]} << 8 | block[3];
    }
    for (size_t index = 16; index < 64; ++index) {
        const uint32_t near = words[index - 2], far = words[index - 15];
        words[index] = words[index - 16] + (rotate(far, 7) ^ rotate(far, 18) ^ (far >> 3)) +
                       words[index - 7] + (rotate(near, 17) ^ rotate(near, 19) ^ (near >> 10));
    }
    auto [a, b, c, d, e, f, g, h] = state_;
    for (size_t index = 0; index < 64; ++index) {
        const uint32_t first = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) +
                               kRound[index] + words[index];
        const uint32_t second =
            (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;
    }
    const std::array<uint32_t, 8> worked = {a, b, c, d, e, f, g, h};
    for (size_t index = 0; index < 8; ++index) state_[index] += worked[index];
}

std::string sha256_of_file(const std::string& path) {
    const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
    if (!file) throw InputError(path + ": cannot be read: " + std::strerror(errno));
    Sha256 hash;
    std::vector<uint8_t> block(1 << 18);
    while (const size_t bytes = std::fread(block.data(), 1, block.size(), file.get()))
        hash.update(block.data(), bytes);
    if (std::ferror(file.get())) throw InputError(path + ": cannot be read: " + std::strerror(errno));
    return hash.finish();
}

}  // namespace gfnet
