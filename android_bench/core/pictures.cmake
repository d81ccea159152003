# From a picture to the network's image: what the C++ runner, Kotlin and Swift share.
add_library(gfnet_pictures STATIC
    core/colour_profile.cpp
    core/error.cpp
    core/metadata.cpp
    core/picture_file.cpp
    core/prepare.cpp
    core/resample.cpp
    core/rgb.cpp
    core/stb_image.cpp)
set_target_properties(gfnet_pictures PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_include_directories(gfnet_pictures PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
# A fused multiply-add would round the resize filter's weights otherwise than Pillow does.
target_compile_options(gfnet_pictures PRIVATE -ffp-contract=off)
target_link_libraries(gfnet_pictures PRIVATE gfnet_warnings gfnet_lcms2 gfnet_stb)
