#include "core/safetensors.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <tuple>

#include "core/error.h"
#include "core/fields.h"

namespace gfnet {

namespace {

constexpr const char* kMetadata = "__metadata__";
constexpr const char* kDtypes[] = {"F32", "F16", "I32", "U8"};  // in the order of Dtype
constexpr uint64_t kLargestHeaderOnDisk = 1 << 24;              // bytes
constexpr int64_t kLargest = int64_t{1} << 40;                  // bytes; nothing below overflows

TensorEntry entry_of(const std::string& name, const Json& value) {
    const std::string& dtype = value["dtype"].get_ref<const std::string&>();
    const auto found = std::find(std::begin(kDtypes), std::end(kDtypes), dtype);
    return {name, static_cast<Dtype>(found - std::begin(kDtypes)), value["shape"], value["data_offsets"][0],
            value["data_offsets"][1]};
}

// No shape of a sound tensor makes this overflow: the product stops at the limit.
bool is_as_long_as_it_says(const TensorEntry& entry) {
    uint64_t bytes = size_of(entry.dtype);
    bool empty = false;
    for (int32_t extent : entry.shape) {
        empty = empty || extent == 0;
        if (extent > 0 && bytes > static_cast<uint64_t>(kLargest)) return false;
        bytes *= extent > 0 ? static_cast<uint64_t>(extent) : 1;
    }
    return entry.end >= entry.begin && entry.end - entry.begin == (empty ? 0 : bytes);
}

Check header_form() {
    const Check tensor = object({{"dtype", one_of({"F32", "F16", "I32", "U8"})},
                                 {"shape", list_of(integer(0, INT32_MAX), 0, 8)},
                                 {"data_offsets", list_of(integer(0, kLargest), 2, 2)}});
    const Check metadata = map_of(text(), text());
    return [=](Json& header, const std::string& where) {
        if (!header.is_object()) refuse(where, "the header must be an object");
        for (auto& [name, value] : header.items())
            (name == kMetadata ? metadata : tensor)(value, where + ": " + name);
    };
}

}  // namespace

uint64_t header_length(const uint8_t* eight_bytes) {
    uint64_t length = 0;
    for (size_t index = kLengthBytes; index-- > 0;) length = length << 8 | eight_bytes[index];
    return length;
}

SafetensorsHeader parse_header(const std::string& json, const std::string& where) {
    static const Check form = header_form();
    Json document = parse_json(json, where);
    form(document, where);
    SafetensorsHeader header;
    for (const auto& [name, value] : document.items()) {
        if (name == kMetadata) {
            header.metadata = value.get<std::map<std::string, std::string>>();
        } else {
            header.tensors.push_back(entry_of(name, value));
        }
    }
    const auto earlier = [](const TensorEntry& a, const TensorEntry& b) {
        return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
    };
    std::sort(header.tensors.begin(), header.tensors.end(), earlier);
    for (const TensorEntry& entry : header.tensors) {
        if (entry.begin != header.body_bytes || !is_as_long_as_it_says(entry)) {
            refuse(where, "tensor '" + entry.name + "' does not lie where its shape and its neighbours say");
        }
        header.body_bytes = entry.end;
    }
    return header;
}

SafetensorsFile read_safetensors(const std::string& path) {
    std::error_code error;
    const uintmax_t bytes = std::filesystem::file_size(path, error);
    if (error) throw InputError(path + ": cannot be read");
    SafetensorsFile file{{}, std::vector<uint8_t>(bytes), 0};
    std::ifstream stream(path, std::ios::binary);
    stream.read(reinterpret_cast<char*>(file.content.data()), static_cast<std::streamsize>(bytes));
    if (!stream) throw InputError(path + ": cannot be read");
    const uint64_t room = file.content.size() < kLengthBytes ? 0 : file.content.size() - kLengthBytes;
    const uint64_t length = room == 0 ? 0 : header_length(file.content.data());
    if (length == 0 || length > room || length > kLargestHeaderOnDisk)
        throw InputError(path + ": is no safetensors file");
    file.body = kLengthBytes + length;
    const auto begin = file.content.begin() + kLengthBytes;
    file.header = parse_header(std::string(begin, begin + static_cast<std::ptrdiff_t>(length)), path);
    if (file.header.body_bytes != file.content.size() - file.body) {
        throw InputError(path + ": is cut off or too long");
    }
    return file;
}

std::vector<uint8_t> to_safetensors(const std::map<std::string, std::string>& metadata,
                                    const std::vector<std::pair<std::string, Tensor>>& tensors) {
    Json header = Json::object();
    if (!metadata.empty()) header[kMetadata] = metadata;
    size_t end = 0;
    for (const auto& [name, tensor] : tensors) {
        header[name] = {{"dtype", kDtypes[static_cast<int>(tensor.dtype)]},
                        {"shape", tensor.shape},
                        {"data_offsets", {end, end + tensor.bytes()}}};
        end += tensor.bytes();
    }
    std::string text = to_text(header);
    text.append((kLengthBytes - text.size() % kLengthBytes) % kLengthBytes,
                ' ');  // tensors begin at aligned places
    std::vector<uint8_t> bytes(kLengthBytes + text.size() + end);
    for (size_t index = 0; index < kLengthBytes; ++index)
        bytes[index] = static_cast<uint8_t>(text.size() >> 8 * index);
    std::memcpy(bytes.data() + kLengthBytes, text.data(), text.size());
    uint8_t* next = bytes.data() + kLengthBytes + text.size();
    for (const auto& one : tensors) {
        if (one.second.bytes() > 0) std::memcpy(next, one.second.data, one.second.bytes());
        next += one.second.bytes();
    }
    return bytes;
}

}  // namespace gfnet
