// What Swift calls of the C++ core: the preparation of pictures, and SHA-256.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Pixels with 8 bits a channel, in the caller's memory.
typedef struct {
    int width;  // as stored, before `orientation` is obeyed
    int height;
    int channels;      // 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA; alpha is not premultiplied
    const void *data;  // [height, width, channels]
    size_t row_bytes;
    int orientation;  // EXIF's, 1 to 8
} gfnet_source;

typedef struct {
    int size;     // side S of the square image, pixels
    int resize;   // length of the short side before the crop, pixels
    int bicubic;  // otherwise bilinear
} gfnet_preprocessing;

// Where the image lies in its source.
typedef struct {
    int source_width;  // of the upright source, pixels
    int source_height;
    double down;  // source pixels per pixel of the resized picture, vertically
    double across;
    int offset_row;  // of the centre crop in the resized picture
    int offset_column;
} gfnet_place;

// Functions that can fail give NULL, or what is wrong: one line, to be freed with `free`.

// `pixels`: uint8 [S, S, 3], to be written.
char *gfnet_prepare(const gfnet_source *source, const gfnet_preprocessing *preprocessing, uint8_t *pixels,
                    gfnet_place *place);
// The same of a JPEG, PNG or BMP file. Not there on Apple's systems.
char *gfnet_prepare_file(const char *path, const gfnet_preprocessing *preprocessing, uint8_t *pixels,
                         gfnet_place *place);
// uint8 [S, S, 3] to float32 [1, 3, S, S], divided by 255.
void gfnet_to_tensor(const uint8_t *pixels, int size, float *out);

// `digits`: 64 hexadecimal digits and a zero.
char *gfnet_sha256_of_file(const char *path, char *digits);
void gfnet_sha256(const void *data, size_t bytes, char *digits);

#ifdef __cplusplus
}
#endif
