#include "core/metadata.h"

#include <stb_image.h>

#include <cstring>
#include <map>
#include <string_view>

namespace gfnet {
namespace {

using namespace std::string_view_literals;

constexpr int kMostIccBytes = 1 << 20;  // of a PNG's inflated profile, where Pillow stops

// Bytes that are asked for their extent before they are read.
struct Bytes {
    const uint8_t* data;
    size_t size;

    bool has(size_t at, size_t count) const { return at <= size && count <= size - at; }
    bool starts_with(std::string_view text) const {
        return has(0, text.size()) && std::memcmp(data, text.data(), text.size()) == 0;
    }
    Bytes part(size_t at, size_t count) const { return {data + at, count}; }
    Bytes from(size_t at) const { return part(at, size - at); }
    uint32_t number(size_t at, size_t count, bool little) const {
        uint32_t value = 0;
        for (size_t i = 0; i < count; ++i) value = value << 8 | data[little ? at + count - 1 - i : at + i];
        return value;
    }
    uint32_t big(size_t at, size_t count) const { return number(at, count, false); }
};

// From the first directory of EXIF's TIFF structure; 1 where it says nothing.
int read_orientation(Bytes tiff) {
    constexpr uint32_t kOrientation = 0x0112, kShort = 3, kLong = 4;
    bool little = tiff.starts_with("II"sv);
    if (!tiff.has(0, 8) || !(little || tiff.starts_with("MM"sv))) return 1;
    size_t directory = tiff.number(4, 4, little);
    if (!tiff.has(directory, 2)) return 1;
    size_t entries = tiff.number(directory, 2, little);
    for (size_t at = directory + 2; entries > 0 && tiff.has(at, 12); --entries, at += 12) {
        if (tiff.number(at, 2, little) != kOrientation) continue;
        uint32_t type = tiff.number(at + 2, 2, little);
        if (type != kShort && type != kLong) return 1;
        uint32_t value = tiff.number(at + 8, type == kShort ? 2 : 4, little);
        return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
    return 1;
}

// The profile in a PNG's iCCP chunk: a name that ends in 0, the compression 0, a zlib stream.
std::vector<uint8_t> inflate_profile(Bytes chunk) {
    size_t name = 0;
    while (name < chunk.size && chunk.data[name] != 0) ++name;
    if (!chunk.has(name, 2) || chunk.data[name + 1] != 0) return {};
    Bytes stream = chunk.from(name + 2);
    std::vector<uint8_t> profile(kMostIccBytes);
    int bytes =
        stbi_zlib_decode_buffer(reinterpret_cast<char*>(profile.data()), kMostIccBytes,
                                reinterpret_cast<const char*>(stream.data), static_cast<int>(stream.size));
    profile.resize(bytes > 0 ? static_cast<size_t>(bytes) : 0);
    return profile;
}

void read_png(Bytes file, Metadata& metadata) {
    for (size_t at = 8; file.has(at, 12);) {
        size_t length = file.big(at, 4);
        if (!file.has(at + 8, length)) return;
        std::string_view type(reinterpret_cast<const char*>(file.data + at + 4), 4);
        Bytes chunk = file.part(at + 8, length);
        if (type == "IHDR"sv && length >= 13) {
            metadata.width = chunk.big(0, 4);
            metadata.height = chunk.big(4, 4);
            metadata.black_white = chunk.data[8] == 1 && chunk.data[9] == 0;
        } else if (type == "eXIf"sv) {
            metadata.orientation = read_orientation(chunk);
        } else if (type == "iCCP"sv) {
            metadata.icc = inflate_profile(chunk);
        }
        at += length + 12;
    }
}

// Where the next marker's second byte stands, or the file's size. Inside a scan, 0xFF is followed by 0 where
// it is data, and by a restart marker between its parts.
size_t find_marker(Bytes file, size_t at) {
    while (at < file.size) {
        const void* found = std::memchr(file.data + at, 0xFF, file.size - at);
        if (found == nullptr) break;
        at = static_cast<size_t>(static_cast<const uint8_t*>(found) - file.data) + 1;
        while (at < file.size && file.data[at] == 0xFF) ++at;
        if (at < file.size && file.data[at] != 0 && (file.data[at] & 0xF8) != 0xD0) return at;
    }
    return file.size;
}

// A segment of Huffman tables: for each, its number, how many codes there are of 1 to 16 bits, the codes'
// values. stb_image before 2.28 writes past its table where they are more than 256; this can go when no
// system has that.
bool are_sound_codes(Bytes segment) {
    size_t at = 0;
    while (at < segment.size) {
        if (!segment.has(at, 17)) return false;
        size_t codes = 0;
        for (size_t bits = 1; bits <= 16; ++bits) codes += segment.data[at + bits];
        if (codes > 256) return false;
        at += 17 + codes;
    }
    return at == segment.size;
}

// A profile longer than a segment stands in several: its number, how many there are, a part of it.
void read_jpeg(Bytes file, Metadata& metadata) {
    constexpr uint8_t kApp1 = 0xE1, kApp2 = 0xE2, kHuffman = 0xC4, kEnd = 0xD9;
    constexpr std::string_view kExif = "Exif\0\0"sv, kProfile = "ICC_PROFILE\0"sv;
    std::multimap<uint8_t, Bytes> parts;
    uint8_t part_count = 0;
    bool oriented = false;
    metadata.whole = false;
    for (size_t at = find_marker(file, 2); at < file.size && !metadata.whole; at = find_marker(file, at)) {
        uint8_t marker = file.data[at++];
        metadata.whole = marker == kEnd;
        if (marker == kEnd || marker == 0x01) continue;
        if (!file.has(at, 2)) break;
        size_t length = file.big(at, 2);
        if (length < 2 || !file.has(at, length)) break;
        Bytes segment = file.part(at + 2, length - 2);
        if (marker == kHuffman) {
            metadata.sound = metadata.sound && are_sound_codes(segment);
        } else if (marker == kApp1 && !oriented && segment.starts_with(kExif)) {
            metadata.orientation = read_orientation(segment.from(kExif.size()));
            oriented = true;
        } else if (marker == kApp2 && segment.starts_with(kProfile) && segment.has(kProfile.size(), 2)) {
            uint8_t number = segment.data[kProfile.size()];
            if (parts.empty() || number < parts.begin()->first)
                part_count = segment.data[kProfile.size() + 1];
            parts.emplace(number, segment.from(kProfile.size() + 2));
        }
        at += length;
    }
    if (parts.size() != part_count) return;
    for (const auto& [number, part] : parts) {
        metadata.icc.insert(metadata.icc.end(), part.data, part.data + part.size);
    }
}

}  // namespace

Metadata read_metadata(const uint8_t* data, size_t size) {
    Bytes file{data, size};
    Metadata metadata;
    if (file.starts_with("\xFF\xD8\xFF"sv)) {
        metadata.container = Container::kJpeg;
        read_jpeg(file, metadata);
    } else if (file.starts_with("\x89PNG\r\n\x1A\n"sv)) {
        metadata.container = Container::kPng;
        read_png(file, metadata);
    } else if (file.starts_with("BM"sv)) {
        metadata.container = Container::kBmp;
        metadata.whole = file.has(0, 6) && file.number(2, 4, true) <= size;
    }
    return metadata;
}

}  // namespace gfnet
