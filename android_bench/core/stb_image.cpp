// The decoder itself, once. A PNG of a few kilobytes can inflate to gigabytes: no block of memory is larger
// than the largest picture that is read, 89 million pixels of four 16-bit channels, and its filter bytes.
#include <cstdlib>

namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 30;

void* allocate(std::size_t bytes) { return bytes > kMostBytes ? nullptr : std::malloc(bytes); }

void* reallocate(void* block, std::size_t bytes) {
    return bytes > kMostBytes ? nullptr : std::realloc(block, bytes);
}

}  // namespace

#define STBI_MALLOC allocate
#define STBI_REALLOC reallocate
#define STBI_FREE std::free
#define STB_IMAGE_IMPLEMENTATION
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#include <stb_image.h>
