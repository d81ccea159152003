#include "core/picture_file.h"

#include <stb_image.h>

#include <cctype>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

#include "core/error.h"

namespace gfnet {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

[[noreturn]] void refuse_unreadable(const std::string& path) {
    if (errno == ENOENT) throw InputError(path + ": no such file");
    std::string reason = std::strerror(errno);
    reason[0] = static_cast<char>(std::tolower(reason[0]));
    throw InputError(path + ": cannot be read: " + reason);
}

std::vector<uint8_t> read_file(const std::string& path) {
    File file(std::fopen(path.c_str(), "rb"), std::fclose);
    if (!file) refuse_unreadable(path);
    std::vector<uint8_t> content;
    uint8_t block[1 << 16];
    while (size_t count = std::fread(block, 1, sizeof block, file.get())) {
        content.insert(content.end(), block, block + count);
    }
    if (std::ferror(file.get())) refuse_unreadable(path);
    return content;
}

[[noreturn]] void refuse_damaged(const std::string& name, std::string reason) {
    // the decoder names a PNG chunk by four bytes of the file, whatever they are
    for (char& letter : reason) {
        if (letter < ' ' || letter > '~') letter = '?';
    }
    throw InputError(name + ": is damaged or of a kind that is not read: " + reason);
}

}  // namespace

DecodedPicture::DecodedPicture(const std::vector<uint8_t>& file, const std::string& name)
    : pixels_(nullptr, stbi_image_free) {
    if (file.empty()) throw InputError(name + ": is empty");
    if (file.size() > INT_MAX) throw InputError(name + ": is larger than 2 GiB; scale it down first");
    metadata_ = read_metadata(file.data(), file.size());
    if (metadata_.container == Container::kNone) {
        throw InputError(name + ": is no image that can be read; save it as JPEG, PNG or BMP");
    }
    if (metadata_.width > 0 && metadata_.height > 0) check_extent(metadata_.width, metadata_.height, name);
    if (!metadata_.whole) refuse_damaged(name, "it ends early");
    if (!metadata_.sound) refuse_damaged(name, "bad Huffman tables");
    int bytes = static_cast<int>(file.size());
    if (!stbi_info_from_memory(file.data(), bytes, &width_, &height_, &channels_)) {
        refuse_damaged(name, stbi_failure_reason());
    }
    check_extent(width_, height_, name);

    // Pillow takes black and white for colours, not for grey: only a profile for RGB applies to it.
    int wanted = metadata_.black_white && channels_ == 1 ? 3 : 0;
    if (stbi_is_16_bit_from_memory(file.data(), bytes)) {
        bits_ = 16;
        pixels_.reset(stbi_load_16_from_memory(file.data(), bytes, &width_, &height_, &channels_, wanted));
    } else {
        pixels_.reset(stbi_load_from_memory(file.data(), bytes, &width_, &height_, &channels_, wanted));
    }
    if (!pixels_) refuse_damaged(name, stbi_failure_reason());
    if (wanted != 0) channels_ = wanted;
}

Source DecodedPicture::source() const {
    Source source;
    source.width = width_;
    source.height = height_;
    source.channels = channels_;
    source.bits = bits_;
    source.data = pixels_.get();
    source.row_bytes = static_cast<size_t>(width_) * static_cast<size_t>(channels_ * bits_ / 8);
    source.orientation = metadata_.orientation;
    source.icc = metadata_.icc.data();
    source.icc_bytes = metadata_.icc.size();
    return source;
}

DecodedPicture read_picture(const std::string& path) { return DecodedPicture(read_file(path), path); }

}  // namespace gfnet
