// The safetensors format: 8 bytes of header length, a JSON header, the tensors' bytes. Golden vectors are
// such files, and frames on the wire.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace gfnet {

inline constexpr size_t kLengthBytes = 8;

struct TensorEntry {
    std::string name;
    Dtype dtype;
    Shape shape;
    size_t begin, end;  // bytes, from the end of the header
};

struct SafetensorsHeader {
    std::map<std::string, std::string> metadata;
    std::vector<TensorEntry> tensors;  // in the order in which they lie
    size_t body_bytes = 0;
};

// Little-endian.
uint64_t header_length(const uint8_t* eight_bytes);

// Throws InputError for a header that breaks the format: tensors lie without gaps and overlaps, and are as
// long as dtype and shape say.
SafetensorsHeader parse_header(const std::string& json, const std::string& where);

// A whole file in memory.
struct SafetensorsFile {
    SafetensorsHeader header;
    std::vector<uint8_t> content;
    size_t body;  // where the tensors' bytes begin in it

    const uint8_t* data(const TensorEntry& entry) const { return content.data() + body + entry.begin; }
};

// Throws InputError for a file that cannot be read, or is none.
SafetensorsFile read_safetensors(const std::string& path);

// Length, header and bytes of `tensors`, whose memory is read now.
std::vector<uint8_t> to_safetensors(const std::map<std::string, std::string>& metadata,
                                    const std::vector<std::pair<std::string, Tensor>>& tensors);

}  // namespace gfnet
