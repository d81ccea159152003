// When a step's answer is sure enough to stop. Logits are float32; a confidence is computed in double and
// rounded to float32 once, at the end, so that every language gets the same number.
#pragma once

#include <cstddef>

#include "core/manifest.h"

namespace gfnet {

// Probabilities [K] of logits [K]. Throws RunError for logits that are not finite.
void softmax(const float* logits, size_t classes, float* probabilities);

float confidence(Measure measure, double temperature, const float* logits, size_t classes);

// Does the sequence end with step `step` (0 is the glance)?
bool should_stop(const ExitRule& rule, size_t step, const float* logits, size_t classes);

// One max-softmax threshold for all steps. Throws InputError unless it is from 0 to 1.
ExitRule uniform_rule(double threshold, size_t steps);

// The manifest's rule of that name, the default for "", or the uniform rule of a threshold. Throws InputError
// if there is none, or both are given.
ExitRule chosen_rule(const Manifest& manifest, const std::string& target, const std::string& name,
                     std::optional<double> threshold);

}  // namespace gfnet
