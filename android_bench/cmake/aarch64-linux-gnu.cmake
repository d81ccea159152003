# Toolchain file: a 64-bit ARM Linux, by Debian's cross compiler (g++-aarch64-linux-gnu). Programs run under
# qemu-aarch64-static. Phones are built for with the toolchain file of Google's NDK instead.
#
# Libraries beyond C and C++ are looked for in GFNET_AARCH64_ROOT only, the folder of an ARM system (packages of Debian's
# arm64 unpacked there, or / where they are installed beside this machine's own): this machine's would not link.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

# Handed on to the small projects by which CMake tries the compiler, which read this file too.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES GFNET_AARCH64_ROOT)

set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu ${GFNET_AARCH64_ROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
# Header-only libraries are the same for every processor.
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE BOTH)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)
# With / as that folder, the machine's own libraries lie in these.
set(CMAKE_IGNORE_PATH /lib /usr/lib /usr/local/lib /lib/x86_64-linux-gnu /usr/lib/x86_64-linux-gnu)
