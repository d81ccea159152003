# gfnet-runner: the program on the device.
add_executable(gfnet-runner
    runner/bench.cpp
    runner/commands.cpp
    runner/conditions.cpp
    runner/image_file.cpp
    runner/journal.cpp
    runner/loaded.cpp
    runner/main.cpp
    runner/registers.cpp
    runner/report.cpp
    runner/serve.cpp
    runner/verbs.cpp
    runner/wire.cpp)
target_compile_definitions(gfnet-runner PRIVATE GFNET_VERSION="${GFNET_VERSION}")
target_link_libraries(gfnet-runner PRIVATE gfnet_core CLI11::CLI11 gfnet_warnings)
