// gfnet-decide RULE CLASSES < logits: where sequences end. RULE is an exit rule as JSON, as in a manifest;
// standard input holds float32 [N, T, CLASSES]; prints one step per sequence, and the confidences of all
// steps.
#include <cstdio>
#include <vector>

#include "core/exit_rules.h"

int main(int, char** arguments) {
    const gfnet::ExitRule rule = gfnet::parse_rule(arguments[1], "the rule");
    const size_t classes = std::stoul(arguments[2]), steps = rule.temperature.size();
    std::vector<float> logits(steps * classes);
    while (std::fread(logits.data(), sizeof(float), logits.size(), stdin) == logits.size()) {
        size_t end = 0;
        while (!gfnet::should_stop(rule, end, logits.data() + end * classes, classes)) ++end;
        std::printf("%zu", end);
        for (size_t step = 0; step < steps; ++step) {
            const float* values = logits.data() + step * classes;
            std::printf(" %.9g", gfnet::confidence(rule.measure, rule.temperature[step], values, classes));
        }
        std::printf("\n");
    }
}
