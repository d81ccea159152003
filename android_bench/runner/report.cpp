#include "runner/report.h"

namespace gfnet {

Json step_report(const Step& step) {
    return {{"index", step.index},
            {"label", step.label},
            {"confidence", step.confidence},
            {"position", step.has_position ? Json({step.row, step.column}) : Json()},
            {"patch_size", step.has_position ? Json(step.patch_size) : Json()},
            {"elapsed_ms", step.elapsed_ms}};
}

NamedTensors step_tensors(const Step& step) {
    const Shape shape = {static_cast<int32_t>(step.classes)};
    // frames are written from the memory; nothing writes to it
    return {{"logits", {Dtype::kFloat32, shape, const_cast<float*>(step.logits)}},
            {"probabilities", {Dtype::kFloat32, shape, const_cast<float*>(step.probabilities)}}};
}

Json verify_report(const Report& report) {
    Json rows = Json::array();
    for (const Row& row : report.rows) {
        rows.push_back({{"mode", row.mode},
                        {"step", row.step},
                        {"graph", row.graph},
                        {"tensor", row.tensor},
                        {"difference", row.difference},
                        {"allowed", row.allowed},
                        {"ok", row.ok()}});
    }
    return {{"ok", report.ok()},
            {"rows", rows},
            {"agreement", {{"images", report.images}, {"labels", report.labels}, {"steps", report.steps}}}};
}

}  // namespace gfnet
