// Decoders for systems that bring none of their own.
#ifndef __APPLE__
#include "core/metadata.cpp"
#include "core/picture_file.cpp"
#include "core/stb_image.cpp"
#endif
