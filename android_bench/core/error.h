// The two ways in which the core ends badly, each as one line for a person.
#pragma once

#include <stdexcept>
#include <string>

namespace gfnet {

// `text` without line breaks and other codes that a terminal obeys, at most 600 bytes: a damaged file's own
// names may hold anything.
std::string one_line(const std::string& text);

// Bad input: what is wrong, where, and how to mend it.
class InputError : public std::runtime_error {
  public:
    explicit InputError(const std::string& message) : std::runtime_error(one_line(message)) {}
};

// A graph could not be run, or what it gave is no answer.
class RunError : public std::runtime_error {
  public:
    explicit RunError(const std::string& message) : std::runtime_error(one_line(message)) {}
};

}  // namespace gfnet
