// What a C interface gives back of C++ work: null, or why it failed. The caller frees it.
#pragma once

#include <cstring>
#include <exception>

namespace gfnet {

template <typename Work>
char* complaint_of(const Work& work) {
    try {
        work();
        return nullptr;
    } catch (const std::exception& error) {
        return strdup(error.what());
    }
}

}  // namespace gfnet
