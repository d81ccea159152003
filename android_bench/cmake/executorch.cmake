# ExecuTorch as the interface target gfnet_executorch, from a Python wheel's folder:
# -DGFNET_EXECUTORCH_WHEEL=…/site-packages/executorch
set(GFNET_EXECUTORCH_WHEEL "" CACHE PATH "folder `executorch` of an installed or unpacked wheel")
set(executorch_DIR ${GFNET_EXECUTORCH_WHEEL}/share/cmake)
find_package(executorch CONFIG REQUIRED)
add_library(gfnet_executorch INTERFACE)
target_include_directories(gfnet_executorch SYSTEM INTERFACE ${EXECUTORCH_INCLUDE_DIRS})
target_compile_definitions(gfnet_executorch INTERFACE ${EXECUTORCH_COMPILE_DEFINITIONS}
                           GFNET_EXECUTORCH_VERSION="${executorch_VERSION}")
# backends and kernels only register themselves: without these words the linker would drop them
target_link_libraries(gfnet_executorch INTERFACE -Wl,--push-state,--no-as-needed
    ${GFNET_EXECUTORCH_WHEEL}/lib/libexecutorch.so
    ${GFNET_EXECUTORCH_WHEEL}/lib/libexecutorch_kernels_optimized.so
    ${GFNET_EXECUTORCH_WHEEL}/lib/libexecutorch_kernels_quantized.so
    ${GFNET_EXECUTORCH_WHEEL}/lib/libexecutorch_backend_xnnpack.so
    ${GFNET_EXECUTORCH_WHEEL}/lib/libexecutorch_threadpool.so
    -Wl,--pop-state)
