#include "runner/image_file.h"

#include <fstream>
#include <iterator>

#include "core/error.h"
#include "core/picture_file.h"
#include "core/safetensors.h"

namespace gfnet {

namespace {

bool ends_with(const std::string& text, const std::string& end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

Prepared load_tensor(const std::string& path, int size) {
    std::ifstream file(path, std::ios::binary);
    const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
    if (!file) throw InputError(path + ": cannot be read");
    const uint64_t length = bytes.size() < kLengthBytes ? 0 : header_length(bytes.data());
    if (bytes.size() < kLengthBytes || length > bytes.size() - kLengthBytes) {
        throw InputError(path + ": is no safetensors file");
    }
    const auto begin = bytes.begin() + kLengthBytes, body = begin + static_cast<std::ptrdiff_t>(length);
    const SafetensorsHeader header = parse_header(std::string(begin, body), path);
    if (header.body_bytes != static_cast<size_t>(bytes.end() - body)) {
        throw InputError(path + ": is cut off or too long");
    }
    const Shape wanted = {size, size, 3};
    for (const TensorEntry& entry : header.tensors) {
        if (entry.name != "image" || entry.dtype != Dtype::kUint8 || entry.shape != wanted) continue;
        const auto at = [&](size_t offset) { return body + static_cast<std::ptrdiff_t>(offset); };
        return {std::vector<uint8_t>(at(entry.begin), at(entry.end)), size, size, size, 1, 1, 0, 0};
    }
    throw InputError(path + ": has no tensor 'image', " + describe(Dtype::kUint8, wanted));
}

}  // namespace

Prepared load_image(const std::string& path, const Preprocessing& preprocessing) {
    if (ends_with(path, ".safetensors")) return load_tensor(path, preprocessing.size);
    return prepare(read_picture(path).source(), preprocessing);
}

}  // namespace gfnet
