# The loop over a bundle's graphs on ExecuTorch: what the runner and Kotlin's tests link.
add_library(gfnet_core STATIC
    core/arena.cpp
    core/bundle.cpp
    core/crop.cpp
    core/exit_rules.cpp
    core/fields.cpp
    core/golden.cpp
    core/graphs.cpp
    core/identity.cpp
    core/manifest.cpp
    core/manifest_form.cpp
    core/manifest_rules.cpp
    core/method.cpp
    core/safetensors.cpp
    core/session.cpp
    core/sha256.cpp
    core/tensor.cpp
    core/verify.cpp)
set_target_properties(gfnet_core PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_link_libraries(gfnet_core PUBLIC gfnet_pictures gfnet_executorch nlohmann_json::nlohmann_json
                                 PRIVATE gfnet_warnings)
