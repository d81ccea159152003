#include "core/manifest.h"

#include <algorithm>

#include "core/error.h"
#include "core/identity.h"
#include "core/manifest_form.h"
#include "core/manifest_rules.h"

namespace gfnet {

namespace {

Dtype dtype_of(const std::string& name) {
    return name == "float32" ? Dtype::kFloat32 : name == "float16" ? Dtype::kFloat16 : Dtype::kInt32;
}

ExitRule rule_of(const Json& value) {
    const std::string& measure = value["measure"];
    ExitRule rule{measure == "max_softmax" ? Measure::kMaxSoftmax
                  : measure == "margin"    ? Measure::kMargin
                                           : Measure::kEntropy,
                  value["temperature"],
                  {},
                  {}};
    for (const Json& threshold : value["thresholds"]) {
        rule.thresholds.push_back(threshold.is_null() ? std::nullopt : std::optional<double>(threshold));
    }
    const Json& calibration = value["calibration"];
    if (!calibration.is_null() && !calibration["step_ms"].is_null()) {
        rule.step_ms = calibration["step_ms"].get<std::vector<double>>();
    }
    return rule;
}

std::map<std::string, ExitRule> rules_of(const Json& values) {
    std::map<std::string, ExitRule> rules;
    for (const auto& [name, value] : values.items()) rules.emplace(name, rule_of(value));
    return rules;
}

ProgramStep step_of(const Json& value) {
    ProgramStep step;
    for (const Json& call : value["calls"])
        step.calls.push_back({call["graph"], call["inputs"], call["outputs"]});
    step.logits = value["logits"];
    if (!value["position"].is_null()) step.position = value["position"];
    if (!value["patch_size"].is_null()) step.patch_size = value["patch_size"];
    return step;
}

Target target_of(const Json& value) {
    Target target{{}, rules_of(value["rules"])};
    for (const auto& [name, file] : value["graphs"].items()) {
        target.graphs[name] = {file["path"],    file["entry"],       file["inputs"],
                               file["outputs"], file["compression"], file["tolerance"]};
    }
    return target;
}

Manifest manifest_of(const Json& document) {
    Manifest manifest;
    manifest.bundle_id = document["bundle_id"];
    const Json& preprocessing = document["preprocessing"];
    const Filter filter = preprocessing["filter"] == "bilinear" ? Filter::kBilinear : Filter::kBicubic;
    manifest.preprocessing = {preprocessing["size"], preprocessing["resize"], filter};
    for (const auto& [name, value] : document["registers"].items()) {
        manifest.registers[name] = {value["shape"], dtype_of(value["dtype"]), value["lifetime"] == "stream"};
        if (value["initial"] == "input") manifest.image = name;
    }
    for (const Json& step : document["steps"]) manifest.steps.push_back(step_of(step));
    for (const auto& [name, target] : document["targets"].items()) manifest.targets[name] = target_of(target);
    if (!document["labels"].is_null()) manifest.labels = document["labels"].get<std::vector<std::string>>();
    manifest.rules = rules_of(document["rules"]);
    manifest.default_rule = document["default_rule"];
    manifest.golden_path = document["golden"]["path"];
    manifest.golden_count = document["golden"]["count"];
    for (const auto& [name, file] : document["files"].items())
        manifest.files[name] = {file["sha256"], file["bytes"]};
    return manifest;
}

}  // namespace

bool Target::is_exact() const {
    return std::all_of(graphs.begin(), graphs.end(),
                       [](const auto& one) { return one.second.compression == "none"; });
}

size_t Manifest::classes() const { return static_cast<size_t>(registers.at(steps[0].logits).shape[1]); }

std::vector<std::string> Manifest::graphs() const {
    std::vector<std::string> found;
    for (const ProgramStep& step : steps) {
        for (const Call& call : step.calls) {
            if (call.graph != kCrop && std::find(found.begin(), found.end(), call.graph) == found.end())
                found.push_back(call.graph);
        }
    }
    return found;
}

const ExitRule& Manifest::rule(const std::string& target, const std::string& name) const {
    const std::string& wanted = name.empty() ? default_rule : name;
    const auto& own = targets.at(target).rules;
    if (const auto found = own.find(wanted); found != own.end()) return found->second;
    if (const auto found = rules.find(wanted); found != rules.end()) return found->second;
    std::string has;
    for (const auto& one : rules) has += (has.empty() ? "" : ", ") + one.first;
    throw InputError("no exit rule '" + name + "'; the bundle has " + has);
}

std::vector<std::string> Manifest::files_of(const std::string& path) const {
    if (files.count(path)) return {path};
    std::vector<std::string> below;
    for (const auto& [name, entry] : files) {
        if (name.compare(0, path.size() + 1, path + "/") == 0) below.push_back(name);
    }
    return below;
}

ExitRule parse_rule(const std::string& text, const std::string& where) {
    Json document = parse_json(text, where);
    rule_form()(document, where);
    return rule_of(document);
}

Manifest parse_manifest(const std::string& text, const std::string& where) {
    Json document = parse_json(text, where);
    const Json version = document.is_object() ? document.value("schema_version", Json()) : Json();
    if (version.is_number_integer() && version > 1) {
        refuse(where,
               "made by a newer gfnet-mobile (schema_version " + version.dump() + "): update this runner");
    }
    manifest_form()(document, where);
    check_inputs(document, where);
    Manifest manifest = manifest_of(document);
    check_rules(document, manifest, where);
    if (manifest.bundle_id != bundle_id(document))
        refuse(where, "bundle_id does not follow from the content; export again");
    return manifest;
}

}  // namespace gfnet
