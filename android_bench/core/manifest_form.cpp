#include "core/manifest_form.h"

namespace gfnet {

namespace {

constexpr int64_t kLargestImage = 4096, kLargestResize = 8192;  // pixels
constexpr int64_t kLargestExtent = INT32_MAX;

Check names() { return map_of(text(), text()); }

Check register_form() {
    return object({{"shape", list_of(integer(1, kLargestExtent), 1, 5)},
                   {"dtype", one_of({"float32", "float16", "int32"})},
                   {"initial", one_of({"zeros", "input"}), "zeros"},
                   {"lifetime", one_of({"image", "stream"}), "image"}});
}

Check step_form() {
    const Check call = object({{"graph", text()}, {"inputs", names()}, {"outputs", names()}});
    return object({{"calls", list_of(call, 1)},
                   {"logits", text()},
                   {"position", or_null(text()), Json()},
                   {"patch_size", or_null(integer(1, kLargestExtent)), Json()}});
}

Check above_zero() {
    return [](Json& value, const std::string& where) {
        if (!value.is_number() || !(value.get<double>() > 0)) refuse(where, "must be a number above 0");
    };
}

Check graph_form() {
    return object(
        {{"path", path_text()},
         {"entry", text(), "main"},
         {"inputs", list_of(text())},
         {"outputs", list_of(text())},
         {"names", names(), Json::object()},
         {"pictures", list_of(text()), Json::array()},
         {"compute_units", one_of({"all", "cpu_and_ne", "cpu_and_gpu", "cpu"}), "all"},
         {"compression", one_of({"none", "fp16", "int8", "palette4", "palette6", "palette8"}), "none"},
         {"tolerance", above_zero(), 1e-4}});
}

Check target_form() {
    return object({{"graphs", map_of(text(), graph_form())},
                   {"probes", or_null(path_text()), Json()},
                   {"rules", map_of(text(), rule_form()), Json::object()}});
}

Check not_empty(Check map) {
    return [map = std::move(map)](Json& value, const std::string& where) {
        map(value, where);
        if (value.empty()) refuse(where, "is empty");
    };
}

}  // namespace

Check rule_form() {
    const Check share = or_null(number(0, 1));
    const Check time = number(0, 1e308);
    const Check calibration = object({{"data", text()},
                                      {"data_hash", or_null(sha256_text()), Json()},
                                      {"device", or_null(text()), Json()},
                                      {"goal", or_null(text()), Json()},
                                      {"date", or_null(text()), Json()},
                                      {"accuracy", share, Json()},
                                      {"mean_steps", or_null(number(1, 1e308)), Json()},
                                      {"mean_ms", or_null(time), Json()},
                                      {"p50_ms", or_null(time), Json()},
                                      {"p95_ms", or_null(time), Json()},
                                      {"worst_ms", or_null(time), Json()},
                                      {"leaves", or_null(list_of(number(0, 1))), Json()},
                                      {"step_ms", or_null(list_of(time)), Json()}});
    return object({{"measure", one_of({"max_softmax", "margin", "entropy"})},
                   {"temperature", list_of(number(1e-3, 1e3))},
                   {"thresholds", list_of(share)},
                   {"calibration", or_null(calibration), Json()}});
}

Check manifest_form() {
    const Check preprocessing = object({{"size", integer(1, kLargestImage)},
                                        {"resize", integer(1, kLargestResize)},
                                        {"filter", one_of({"bilinear", "bicubic"})}});
    const Check file = object({{"sha256", sha256_text()}, {"bytes", integer(0)}});
    return object({{"schema_version", one_of({1})},
                   {"name", name_text()},
                   {"bundle_id", sha256_text()},
                   {"checkpoint", sha256_text()},
                   {"preprocessing", preprocessing},
                   {"registers", map_of(text(), register_form())},
                   {"steps", list_of(step_form(), 1, 8)},
                   {"targets", not_empty(map_of(text(), target_form()))},
                   {"labels", or_null(list_of(text())), Json()},
                   {"rules", not_empty(map_of(text(), rule_form()))},
                   {"default_rule", text()},
                   {"multiply_adds", or_null(list_of(integer(1))), Json()},
                   {"golden", object({{"path", path_text()}, {"count", integer(1, INT32_MAX)}})},
                   {"files", map_of(path_text(), file)},
                   {"tools", names()}});
}

}  // namespace gfnet
