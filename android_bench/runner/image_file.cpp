#include "runner/image_file.h"

#include "core/error.h"
#include "core/picture_file.h"
#include "core/safetensors.h"

namespace gfnet {

namespace {

bool ends_with(const std::string& text, const std::string& end) {
    return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

Prepared load_tensor(const std::string& path, int size) {
    const SafetensorsFile file = read_safetensors(path);
    const Shape wanted = {size, size, 3};
    for (const TensorEntry& entry : file.header.tensors) {
        if (entry.name != "image" || entry.dtype != Dtype::kUint8 || entry.shape != wanted) continue;
        const uint8_t* pixels = file.data(entry);
        return {
            std::vector<uint8_t>(pixels, pixels + (entry.end - entry.begin)), size, size, size, 1, 1, 0, 0};
    }
    throw InputError(path + ": has no tensor 'image', " + describe(Dtype::kUint8, wanted));
}

}  // namespace

Prepared load_image(const std::string& path, const Preprocessing& preprocessing) {
    if (ends_with(path, ".safetensors")) return load_tensor(path, preprocessing.size);
    return prepare(read_picture(path).source(), preprocessing);
}

}  // namespace gfnet
