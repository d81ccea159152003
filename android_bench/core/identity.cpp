#include "core/identity.h"

#include "core/sha256.h"

namespace gfnet {

namespace {

// A Core ML package's Manifest.json holds identifiers that are drawn anew at each export.
constexpr const char* kRandom = "Manifest.json";

Json content_of(const Json& files, const std::string& path) {
    Json content = Json::object();
    if (files.contains(path)) {
        content[""] = files[path]["sha256"];
        return content;
    }
    for (const auto& [name, entry] : files.items()) {
        if (name.compare(0, path.size() + 1, path + "/") != 0) continue;
        const std::string inside = name.substr(path.size() + 1);
        if (inside != kRandom) content[inside] = entry["sha256"];
    }
    return content;
}

}  // namespace

std::string bundle_id(const Json& manifest) {
    Json targets = Json::object();
    for (const auto& [name, target] : manifest["targets"].items()) {
        Json graphs = Json::object();
        for (const auto& [graph, file] : target["graphs"].items()) {
            graphs[graph] = {{"entry", file["entry"]},
                             {"inputs", file["inputs"]},
                             {"outputs", file["outputs"]},
                             {"names", file["names"]},
                             {"content", content_of(manifest["files"], file["path"])}};
        }
        targets[name] = graphs;
    }
    const Json program = {{"preprocessing", manifest["preprocessing"]},
                          {"registers", manifest["registers"]},
                          {"steps", manifest["steps"]},
                          {"targets", targets}};
    const std::string text = program.dump(-1, ' ', true);
    Sha256 hash;
    hash.update(text.data(), text.size());
    return hash.finish();
}

}  // namespace gfnet
