// A bundle on disk: a folder with manifest.json and the files it lists. What is opened is checked first.
#pragma once

#include <string>

#include "core/manifest.h"

namespace gfnet {

struct Bundle {
    std::string folder;
    Manifest manifest;

    std::string path(const std::string& name) const { return folder + "/" + name; }
    // Throws InputError if the bundle was not exported for it.
    const Target& target(const std::string& name) const;
    // Compare size and SHA-256 of a target's graphs, and of the golden vectors, with the manifest: InputError
    // unless they are what was exported.
    void check_files(const std::string& target) const;
    void check_golden() const;
};

// Reads the manifest, follows its rules and finds its files. Throws InputError, one line, for whatever is
// wrong. A file may be missing if no graph of `target` and no golden vector is in it: a device holds one
// target only.
Bundle open_bundle(const std::string& folder, const std::string& target);

}  // namespace gfnet
