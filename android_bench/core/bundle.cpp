#include "core/bundle.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "core/error.h"
#include "core/sha256.h"

namespace gfnet {

namespace fs = std::filesystem;

namespace {

constexpr uintmax_t kLargestManifest = 16'000'000;  // bytes

std::string read_text(const fs::path& path) {
    std::error_code error;
    const uintmax_t bytes = fs::file_size(path, error);
    if (!error && bytes > kLargestManifest) {
        throw InputError(path.string() + ": larger than " + std::to_string(kLargestManifest) +
                         " bytes, so no manifest");
    }
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    if (!file) throw InputError(path.string() + ": cannot be read");
    return text.str();
}

bool is_inside(const fs::path& root, const fs::path& place) {
    const auto [end, unused] = std::mismatch(root.begin(), root.end(), place.begin(), place.end());
    return end == root.end();
}

std::set<std::string> files_of(const Manifest& manifest, const Target& target) {
    std::set<std::string> names;
    for (const auto& graph : target.graphs) {
        for (const std::string& name : manifest.files_of(graph.second.path)) names.insert(name);
    }
    return names;
}

void check_file(const Bundle& bundle, const std::string& name) {
    const FileEntry& entry = bundle.manifest.files.at(name);
    std::error_code error;
    const uintmax_t bytes = fs::file_size(bundle.path(name), error);
    if (error) throw InputError(bundle.path(name) + ": cannot be read: " + error.message());
    if (bytes != entry.bytes || sha256_of_file(bundle.path(name)) != entry.sha256) {
        throw InputError(
            bundle.path(name) +
            ": is not the file that was exported (its SHA-256 differs); export or push it again");
    }
}

}  // namespace

const Target& Bundle::target(const std::string& name) const {
    const auto found = manifest.targets.find(name);
    if (found != manifest.targets.end()) return found->second;
    std::string has;
    for (const auto& one : manifest.targets) has += (has.empty() ? "" : ", ") + one.first;
    throw InputError(folder + ": no target '" + name + "'; the bundle has " + has +
                     "; export it with --target " + name);
}

void Bundle::check_files(const std::string& name) const {
    for (const std::string& file : files_of(manifest, target(name))) check_file(*this, file);
}

void Bundle::check_golden() const { check_file(*this, manifest.golden_path); }

Bundle open_bundle(const std::string& folder, const std::string& target) {
    std::error_code error;
    if (!fs::exists(folder, error)) throw InputError(folder + ": no such bundle");
    const fs::path file = fs::path(folder) / "manifest.json";
    if (!fs::is_regular_file(file, error))
        throw InputError(folder + ": is no bundle: it has no manifest.json");
    Bundle bundle{folder, parse_manifest(read_text(file), file.string())};
    std::set<std::string> needed = files_of(bundle.manifest, bundle.target(target));
    needed.insert(bundle.manifest.golden_path);
    const fs::path root = fs::canonical(folder, error);
    for (const std::string& name : needed) {
        const fs::path place = fs::canonical(bundle.path(name), error);
        if (error || !fs::is_regular_file(place, error)) {
            throw InputError(bundle.path(name) +
                             ": missing, though the manifest lists it; export or push it again");
        }
        if (!is_inside(root, place)) throw InputError(bundle.path(name) + ": a link that leaves the bundle");
    }
    return bundle;
}

}  // namespace gfnet
