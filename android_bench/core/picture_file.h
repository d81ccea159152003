// Picture files: JPEG, PNG and BMP.
#pragma once

#include <memory>
#include <string>

#include "core/metadata.h"
#include "core/picture.h"

namespace gfnet {

// A file's pixels with its orientation and colour profile.
class DecodedPicture {
  public:
    DecodedPicture(const std::vector<uint8_t>& file, const std::string& name);

    // Valid as long as this object.
    Source source() const;

  private:
    Metadata metadata_;
    int width_ = 0;
    int height_ = 0;
    int channels_ = 0;
    int bits_ = 8;
    std::unique_ptr<void, void (*)(void*)> pixels_;
};

// Throws InputError where the file cannot be read, or `prepare` would refuse its extent.
// A CMYK JPEG is taken by its numbers: its profile is for channels that the decoder does not hand on.
DecodedPicture read_picture(const std::string& path);

}  // namespace gfnet
