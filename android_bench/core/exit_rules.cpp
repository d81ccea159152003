#include "core/exit_rules.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace gfnet {

void softmax(const float* logits, size_t classes, float* probabilities) {
    double largest = -INFINITY, total = 0;
    for (size_t k = 0; k < classes; ++k) {
        if (!std::isfinite(logits[k])) {
            throw RunError("the logits are not finite; the graphs or the image are broken");
        }
        largest = std::max(largest, double{logits[k]});
    }
    for (size_t k = 0; k < classes; ++k) total += std::exp(logits[k] - largest);
    for (size_t k = 0; k < classes; ++k) {
        probabilities[k] = static_cast<float>(std::exp(logits[k] - largest) / total);
    }
}

float confidence(Measure measure, double temperature, const float* logits, size_t classes) {
    const double largest = *std::max_element(logits, logits + classes);
    double total = 0, first = 0, second = 0, product = 0;
    for (size_t k = 0; k < classes; ++k) {
        // below -200 the exponential adds nothing; the bound keeps the products finite
        const double scaled = std::max((logits[k] - largest) / temperature, -200.0);
        const double weight = std::exp(scaled);
        total += weight;
        product += weight * scaled;
        if (weight > first) {
            second = first;
            first = weight;
        } else {
            second = std::max(second, weight);
        }
    }
    if (measure == Measure::kMaxSoftmax || classes == 1) return static_cast<float>(1 / total);
    if (measure == Measure::kMargin) return static_cast<float>((first - second) / total);
    const double entropy = std::log(total) - product / total;
    return static_cast<float>(1 - entropy / std::log(static_cast<double>(classes)));
}

bool should_stop(const ExitRule& rule, size_t step, const float* logits, size_t classes) {
    if (step >= rule.thresholds.size()) return true;
    const std::optional<double>& threshold = rule.thresholds[step];
    return threshold && confidence(rule.measure, rule.temperature[step], logits, classes) >=
                            static_cast<float>(*threshold);
}

ExitRule uniform_rule(double threshold, size_t steps) {
    if (!(threshold >= 0 && threshold <= 1)) {
        throw InputError("threshold " + std::to_string(threshold) + ": must lie between 0 and 1");
    }
    return {Measure::kMaxSoftmax,
            std::vector<double>(steps, 1.0),
            std::vector<std::optional<double>>(steps - 1, threshold),
            {}};
}

ExitRule chosen_rule(const Manifest& manifest, const std::string& target, const std::string& name,
                     std::optional<double> threshold) {
    if (threshold && !name.empty()) throw InputError("rule and threshold: give one of them");
    return threshold ? uniform_rule(*threshold, manifest.steps.size()) : manifest.rule(target, name);
}

}  // namespace gfnet
