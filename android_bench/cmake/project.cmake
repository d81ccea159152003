# How everything here is compiled: optimised unless asked otherwise, C++17, warnings as errors.
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

add_library(gfnet_warnings INTERFACE)
target_compile_options(gfnet_warnings INTERFACE -Wall -Wextra -Wpedantic -Werror)
