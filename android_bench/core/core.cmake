# The loop over a bundle's graphs on ExecuTorch: what the runner and Kotlin's tests link.
add_library(gfnet_core STATIC
    ${CMAKE_CURRENT_LIST_DIR}/arena.cpp
    ${CMAKE_CURRENT_LIST_DIR}/bundle.cpp
    ${CMAKE_CURRENT_LIST_DIR}/crop.cpp
    ${CMAKE_CURRENT_LIST_DIR}/exit_rules.cpp
    ${CMAKE_CURRENT_LIST_DIR}/fields.cpp
    ${CMAKE_CURRENT_LIST_DIR}/golden.cpp
    ${CMAKE_CURRENT_LIST_DIR}/graphs.cpp
    ${CMAKE_CURRENT_LIST_DIR}/identity.cpp
    ${CMAKE_CURRENT_LIST_DIR}/manifest.cpp
    ${CMAKE_CURRENT_LIST_DIR}/manifest_form.cpp
    ${CMAKE_CURRENT_LIST_DIR}/manifest_rules.cpp
    ${CMAKE_CURRENT_LIST_DIR}/method.cpp
    ${CMAKE_CURRENT_LIST_DIR}/safetensors.cpp
    ${CMAKE_CURRENT_LIST_DIR}/session.cpp
    ${CMAKE_CURRENT_LIST_DIR}/sha256.cpp
    ${CMAKE_CURRENT_LIST_DIR}/tensor.cpp
    ${CMAKE_CURRENT_LIST_DIR}/verify.cpp)
set_target_properties(gfnet_core PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_link_libraries(gfnet_core PUBLIC gfnet_pictures gfnet_executorch nlohmann_json::nlohmann_json
                                 PRIVATE gfnet_warnings)
