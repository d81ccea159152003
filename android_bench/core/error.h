#pragma once

#include <stdexcept>

namespace gfnet {

/// Bad input: one line that says what is wrong, where, and how to mend it.
class InputError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

}  // namespace gfnet
