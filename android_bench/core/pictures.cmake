# From a picture to the network's image: what the C++ runner, Kotlin and Swift share.
add_library(gfnet_pictures STATIC
    ${CMAKE_CURRENT_LIST_DIR}/colour_profile.cpp
    ${CMAKE_CURRENT_LIST_DIR}/error.cpp
    ${CMAKE_CURRENT_LIST_DIR}/metadata.cpp
    ${CMAKE_CURRENT_LIST_DIR}/picture_file.cpp
    ${CMAKE_CURRENT_LIST_DIR}/prepare.cpp
    ${CMAKE_CURRENT_LIST_DIR}/resample.cpp
    ${CMAKE_CURRENT_LIST_DIR}/rgb.cpp
    ${CMAKE_CURRENT_LIST_DIR}/stb_image.cpp)
set_target_properties(gfnet_pictures PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_include_directories(gfnet_pictures PUBLIC ${CMAKE_CURRENT_LIST_DIR}/..)
# A fused multiply-add would round the resize filter's weights otherwise than Pillow does.
target_compile_options(gfnet_pictures PRIVATE -ffp-contract=off)
target_link_libraries(gfnet_pictures PRIVATE gfnet_warnings gfnet_lcms2 gfnet_stb)
