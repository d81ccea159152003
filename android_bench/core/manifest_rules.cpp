#include "core/manifest_rules.h"

#include <algorithm>
#include <set>

namespace gfnet {

namespace {

constexpr uint64_t kLargestRegister = 1 << 26;  // elements

class Rules {
  public:
    Rules(const Json& document, const Manifest& manifest, const std::string& where)
        : document_(document), m_(manifest), where_(where) {}

    void check() const {
        check_registers();
        for (size_t number = 0; number < m_.steps.size(); ++number) check_step(number);
        for (const auto& [name, target] : m_.targets) check_target(name, target);
        const Json& labels = document_["labels"];
        need(labels.is_null() || labels.size() == m_.classes(), "labels: not as many as there are classes");
        const Json& counted = document_["multiply_adds"];
        need(counted.is_null() || counted.size() == m_.steps.size(),
             "multiply_adds: not as many as there are steps");
        need(m_.rules.count(m_.default_rule) > 0,
             "default_rule '" + m_.default_rule + "' is not among the rules");
        check_lengths(m_.rules);
        for (const auto& [name, target] : m_.targets) check_lengths(target.rules);
        need(m_.files.count(m_.golden_path) > 0, "golden: " + m_.golden_path + " is not among the files");
    }

  private:
    void need(bool holds, const std::string& otherwise) const {
        if (!holds) refuse(where_, otherwise);
    }

    void check_registers() const {
        const int32_t size = m_.preprocessing.size;
        const Register& image = m_.registers.at(m_.image);
        need(image.shape == Shape{1, 3, size, size} && image.dtype == Dtype::kFloat32,
             "register '" + m_.image + "': must be float32 [1, 3, S, S] as in preprocessing");
        need(m_.preprocessing.resize >= size, "preprocessing: resize is smaller than size");
        for (const auto& [name, one] : m_.registers) {
            uint64_t elements = 1;  // each factor is below 2^31 and the product stops above 2^26: no overflow
            for (int32_t extent : one.shape)
                elements = elements > kLargestRegister ? elements : elements * extent;
            need(one.shape[0] == 1 && elements <= kLargestRegister,
                 "register '" + name + "': shape must be [1, ...] with at most 67108864 elements");
        }
    }

    void check_step(size_t number) const {
        const std::string place = "step " + std::to_string(number);
        const ProgramStep& step = m_.steps[number];
        std::set<std::string> called, written;
        for (const Call& call : step.calls) {
            need(called.insert(call.graph).second, place + ": calls one graph twice");
            check_call(place + ", graph '" + call.graph + "'", call);
            for (const auto& output : call.outputs) written.insert(output.second);
        }
        need(written.count(step.logits) > 0, place + ": no call writes its logits '" + step.logits + "'");
        const Register& logits = m_.registers.at(step.logits);
        need(logits.dtype == Dtype::kFloat32 && logits.shape.size() == 2 && logits.shape[0] == 1,
             place + ": logits must be float32 [1, K]");
        need(m_.registers.at(m_.steps[0].logits).shape == logits.shape,
             place + ": logits must have one K for all steps");
        const Json& described = document_["steps"][number];
        need(described["position"].is_null() == described["patch_size"].is_null(),
             place + ": position and patch_size go together");
        if (!described["position"].is_null()) {
            need(written.count(step.position) > 0,
                 place + ": no call writes its position '" + step.position + "'");
            need(is_position(m_.registers.at(step.position)), place + ": position must be int32 [1, 2]");
        }
        need(step.patch_size <= m_.preprocessing.size, place + ": patch_size is larger than the image");
    }

    void check_call(const std::string& place, const Call& call) const {
        std::set<std::string> written;
        for (const Names* names : {&call.inputs, &call.outputs}) {
            for (const auto& [tensor, name] : *names) {
                need(m_.registers.count(name) > 0,
                     place + ": '" + tensor + "' names a register that is not declared");
            }
        }
        for (const auto& output : call.outputs) {
            need(written.insert(output.second).second, place + ": two outputs write one register");
            need(output.second != m_.image, place + ": writes the input register");
        }
        if (call.graph == kCrop) check_crop(place, call);
    }

    void check_crop(const std::string& place, const Call& call) const {
        need(call.inputs.size() == 2 && call.inputs.count("image") && call.inputs.count("position") &&
                 call.outputs.size() == 1 && call.outputs.count("patch"),
             place + ": takes image and position and gives patch");
        const Register& image = m_.registers.at(call.inputs.at("image"));
        const Register& patch = m_.registers.at(call.outputs.at("patch"));
        need(is_position(m_.registers.at(call.inputs.at("position"))),
             place + ": needs an int32 [1, 2] position");
        bool fits = image.shape.size() == 4 && patch.shape.size() == 4 && image.shape[1] == patch.shape[1];
        for (size_t axis = 2; fits && axis < 4; ++axis) fits = patch.shape[axis] <= image.shape[axis];
        need(fits && image.dtype == patch.dtype, place + ": cannot cut its patch out of its image");
    }

    void check_target(const std::string& name, const Target& target) const {
        const std::string place = "target '" + name + "'";
        const std::vector<std::string> called = m_.graphs();
        for (const std::string& graph : called) {
            need(target.graphs.count(graph) > 0, place + ": graph '" + graph + "' is missing");
            const GraphFile& file = target.graphs.at(graph);
            const std::string where = place + ", graph '" + graph + "'";
            need(!m_.files_of(file.path).empty(), where + ": " + file.path + " is not among the files");
            const Json& pictures = document_["targets"][name]["graphs"][graph]["pictures"];
            for (const ProgramStep& step : m_.steps) {
                for (const Call& call : step.calls) {
                    if (call.graph == graph) check_signature(where, file, call, pictures);
                }
            }
        }
        const Json& probes = document_["targets"][name]["probes"];
        need(probes.is_null() || m_.files.count(probes) > 0, place + ": its probes are not among the files");
        for (const auto& rule : target.rules)
            need(m_.rules.count(rule.first) > 0,
                 place + ": rule '" + rule.first + "' is not among the bundle's");
        for (const auto& graph : target.graphs) {
            need(std::find(called.begin(), called.end(), graph.first) != called.end(),
                 place + ": no step calls graph '" + graph.first + "'");
        }
    }

    void check_signature(const std::string& place, const GraphFile& file, const Call& call,
                         const Json& pictures) const {
        need(same_names(call.inputs, file.inputs) && same_names(call.outputs, file.outputs),
             place + ": its tensors are not those of the program's call");
        for (const Json& tensor : pictures) {
            const auto found = call.inputs.find(tensor);
            need(found != call.inputs.end() && found->second == m_.image,
                 place + ": only the image can be a picture");
        }
    }

    void check_lengths(const std::map<std::string, ExitRule>& rules) const {
        for (const auto& [name, rule] : rules) {
            need(rule.thresholds.size() == m_.steps.size() - 1 && rule.temperature.size() == m_.steps.size(),
                 "rule '" + name + "': must have a temperature per step and one threshold fewer");
            need(rule.step_ms.empty() || rule.step_ms.size() == m_.steps.size(),
                 "rule '" + name + "': step_ms must have a time per step");
        }
    }

    static bool is_position(const Register& one) {
        return one.dtype == Dtype::kInt32 && one.shape == Shape{1, 2};
    }

    static bool same_names(const Names& called, std::vector<std::string> listed) {
        std::sort(listed.begin(), listed.end());
        const auto same = [](const auto& pair, const std::string& name) { return pair.first == name; };
        return called.size() == listed.size() &&
               std::equal(called.begin(), called.end(), listed.begin(), same);
    }

    const Json& document_;
    const Manifest& m_;
    const std::string& where_;
};

}  // namespace

void check_inputs(const Json& document, const std::string& where) {
    size_t inputs = 0;
    for (const auto& one : document["registers"].items()) inputs += one.value()["initial"] == "input";
    if (inputs != 1) {
        refuse(where, "registers: exactly one must have initial 'input', found " + std::to_string(inputs));
    }
}

void check_rules(const Json& document, const Manifest& manifest, const std::string& where) {
    Rules(document, manifest, where).check();
}

}  // namespace gfnet
