# Third-party code: the system's where it is found, else a commit from GitHub (the full hash names its content).
# Makes nlohmann_json::nlohmann_json, CLI11::CLI11, gfnet_stb and gfnet_lcms2.

include(FetchContent)
find_package(Threads REQUIRED)

# Sets <name>_SOURCE_DIR. The projects' own CMakeLists.txt are left out: they would build tests and install rules.
macro(gfnet_fetch name repository commit)
    FetchContent_Declare(${name} GIT_REPOSITORY https://github.com/${repository}.git GIT_TAG ${commit}
                         SOURCE_SUBDIR no-build)
    FetchContent_MakeAvailable(${name})
    string(TOLOWER ${name} gfnet_lower)  # FetchContent's variables are in lower case
    set(${name}_SOURCE_DIR ${${gfnet_lower}_SOURCE_DIR})
endmacro()

# Only `entry` of a system's include directory, by a link: that directory as a whole may hold a C library that is
# not the target's.
function(gfnet_link_headers out directory entry)
    set(links ${CMAKE_BINARY_DIR}/third_party/${entry}.include)
    file(MAKE_DIRECTORY ${links})
    file(CREATE_LINK ${directory}/${entry} ${links}/${entry} SYMBOLIC)
    set(${out} ${links} PARENT_SCOPE)
endfunction()

# Headers are alike for every target, so a cross build takes the host's.
function(gfnet_headers target header repository commit subdirectory)
    string(REGEX REPLACE "/.*" "" entry ${header})  # the header, or the directory that it stands in
    string(REGEX REPLACE "[.]h$" "" name ${entry})
    find_path(GFNET_${name}_DIR ${header} PATH_SUFFIXES stb NO_CMAKE_FIND_ROOT_PATH)
    mark_as_advanced(GFNET_${name}_DIR)
    if(GFNET_${name}_DIR)
        gfnet_link_headers(directory ${GFNET_${name}_DIR} ${entry})
    else()
        gfnet_fetch(${name} ${repository} ${commit})
        set(directory ${${name}_SOURCE_DIR}/${subdirectory})
    endif()
    add_library(${target} INTERFACE IMPORTED GLOBAL)
    target_include_directories(${target} INTERFACE ${directory})
endfunction()

gfnet_headers(nlohmann_json::nlohmann_json nlohmann/json.hpp
              nlohmann/json 9cca280a4d0ccf0c08f47a99aa71d1b0e52f8d03 include)  # 3.11.3
gfnet_headers(CLI11::CLI11 CLI/CLI.hpp
              CLIUtils/CLI11 6c7b07a878ad834957b98d0f9ce1dbe0cb204fc9 include)  # 2.4.2
gfnet_headers(gfnet_stb stb_image.h
              nothings/stb 013ac3beddff3dbffafd5177e7972067cd2b5083 .)  # stb_image 2.30

# A library is the target's own. The static archive first: it needs no second file on a phone.
find_path(GFNET_lcms2_DIR lcms2.h)
find_library(GFNET_lcms2_LIBRARY NAMES liblcms2.a lcms2)
mark_as_advanced(GFNET_lcms2_DIR GFNET_lcms2_LIBRARY)
if(GFNET_lcms2_DIR AND GFNET_lcms2_LIBRARY)
    gfnet_link_headers(gfnet_lcms2_headers ${GFNET_lcms2_DIR} lcms2.h)
    add_library(gfnet_lcms2 UNKNOWN IMPORTED GLOBAL)
    set_target_properties(gfnet_lcms2 PROPERTIES IMPORTED_LOCATION ${GFNET_lcms2_LIBRARY})
    target_include_directories(gfnet_lcms2 INTERFACE ${gfnet_lcms2_headers})
    target_link_libraries(gfnet_lcms2 INTERFACE Threads::Threads m)
else()
    gfnet_fetch(lcms2 mm2/Little-CMS 453bafeb85b4ef96498866b7a8eadcc74dff9223)  # 2.16
    file(GLOB gfnet_lcms2_sources ${lcms2_SOURCE_DIR}/src/*.c)
    add_library(gfnet_lcms2 STATIC ${gfnet_lcms2_sources})
    set_target_properties(gfnet_lcms2 PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_compile_options(gfnet_lcms2 PRIVATE -w)
    target_include_directories(gfnet_lcms2 SYSTEM PUBLIC ${lcms2_SOURCE_DIR}/include)
    target_link_libraries(gfnet_lcms2 PUBLIC Threads::Threads m)
endif()
