// gfnet-prepare PICTURE SIZE RESIZE FILTER OUT: writes the network's pixels, uint8 [S, S, 3], for a test to
// compare. Prints the region of the whole image in the source: top, left, height, width.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>

#include "core/error.h"
#include "core/picture_file.h"

int main(int count, char** arguments) {
    if (count != 6) {
        std::cerr << "gfnet-prepare PICTURE SIZE RESIZE bilinear|bicubic OUT\n";
        return 2;
    }
    std::string filter = arguments[4];
    gfnet::Preprocessing preprocessing{
        std::stoi(arguments[2]), std::stoi(arguments[3]),
        filter == "bicubic" ? gfnet::Filter::kBicubic : gfnet::Filter::kBilinear};
    try {
        gfnet::DecodedPicture picture = gfnet::read_picture(arguments[1]);
        gfnet::Prepared prepared = gfnet::prepare(picture.source(), preprocessing);
        std::ofstream(arguments[5], std::ios::binary)
            .write(reinterpret_cast<const char*>(prepared.pixels.data()),
                   static_cast<std::streamsize>(prepared.pixels.size()));
        gfnet::Region region = prepared.region();
        std::printf("%.17g %.17g %.17g %.17g\n", region.top, region.left, region.height, region.width);
    } catch (const gfnet::InputError& error) {
        std::cerr << error.what() << "\n";
        return 2;
    }
    return 0;
}
