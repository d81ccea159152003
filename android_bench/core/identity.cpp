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

// Python escapes what is not ASCII and leaves DEL as it is; the JSON library escapes that too.
std::string canonical(const Json& value) {
    std::string text = value.dump(-1, ' ', true);
    const std::string escaped = "\\u007f";
    for (size_t place = 0; (place = text.find(escaped, place)) != std::string::npos; ++place) {
        size_t backslashes = 0;
        while (backslashes < place && text[place - 1 - backslashes] == '\\') ++backslashes;
        if (backslashes % 2 == 0) text.replace(place, escaped.size(), "\x7f");
    }
    return text;
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
    const std::string text = canonical({{"preprocessing", manifest["preprocessing"]},
                                        {"registers", manifest["registers"]},
                                        {"steps", manifest["steps"]},
                                        {"targets", targets}});
    Sha256 hash;
    hash.update(text.data(), text.size());
    return hash.finish();
}

}  // namespace gfnet
