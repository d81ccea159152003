#include <cstring>

#include "core/complaint.h"
#include "core/picture.h"
#ifndef __APPLE__
#include "core/picture_file.h"
#endif
#include "core/sha256.h"
#include "include/gfnet_core.h"

using gfnet::complaint_of;

namespace {

void prepare_into(const gfnet::Source& source, const gfnet_preprocessing& wanted, uint8_t* pixels,
                  gfnet_place* place) {
    const gfnet::Filter filter = wanted.bicubic ? gfnet::Filter::kBicubic : gfnet::Filter::kBilinear;
    const gfnet::Prepared prepared = gfnet::prepare(source, {wanted.size, wanted.resize, filter});
    std::memcpy(pixels, prepared.pixels.data(), prepared.pixels.size());
    *place = {prepared.source_width, prepared.source_height, prepared.down,
              prepared.across,       prepared.offset_row,    prepared.offset_column};
}

}  // namespace

char* gfnet_prepare(const gfnet_source* source, const gfnet_preprocessing* preprocessing, uint8_t* pixels,
                    gfnet_place* place) {
    return complaint_of([&] {
        gfnet::Source given;
        given.width = source->width;
        given.height = source->height;
        given.channels = source->channels;
        given.data = source->data;
        given.row_bytes = source->row_bytes;
        given.orientation = source->orientation;
        prepare_into(given, *preprocessing, pixels, place);
    });
}

#ifndef __APPLE__
char* gfnet_prepare_file(const char* path, const gfnet_preprocessing* preprocessing, uint8_t* pixels,
                         gfnet_place* place) {
    return complaint_of([&] {
        const gfnet::DecodedPicture picture = gfnet::read_picture(path);
        prepare_into(picture.source(), *preprocessing, pixels, place);
    });
}
#endif

void gfnet_to_tensor(const uint8_t* pixels, int size, float* out) { gfnet::to_tensor(pixels, size, out); }

char* gfnet_sha256_of_file(const char* path, char* digits) {
    return complaint_of([&] { std::strcpy(digits, gfnet::sha256_of_file(path).c_str()); });
}

void gfnet_sha256(const void* data, size_t bytes, char* digits) {
    gfnet::Sha256 hash;
    hash.update(data, bytes);
    std::strcpy(digits, hash.finish().c_str());
}
