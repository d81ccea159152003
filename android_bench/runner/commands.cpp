#include "runner/commands.h"

#include <cstdio>
#include <cstring>

#include "core/error.h"
#include "runner/bench.h"
#include "runner/conditions.h"
#include "runner/image_file.h"
#include "runner/report.h"

namespace gfnet {

namespace {

void print(const Json& line) {
    std::printf("%s\n", to_text(line).c_str());
    std::fflush(stdout);
}

Json step_json(const Step& step, const Manifest& manifest, const Prepared& prepared) {
    Json found = step_report(step);
    found["logits"] = std::vector<float>(step.logits, step.logits + step.classes);
    found["probabilities"] = std::vector<float>(step.probabilities, step.probabilities + step.classes);
    found["name"] = manifest.labels.empty() ? Json() : Json(manifest.labels[step.label]);
    const Region seen =
        step.has_position ? prepared.region(step.row, step.column, step.patch_size) : prepared.region();
    found["region"] = {
        {"top", seen.top}, {"left", seen.left}, {"height", seen.height}, {"width", seen.width}};
    return found;
}

}  // namespace

int run(const std::string& folder, int threads, const RunOptions& options) {
    const auto loaded = Loaded::load(folder, threads);
    const Manifest& manifest = loaded->bundle.manifest;
    if (options.limits.max_steps && *options.limits.max_steps < 1)
        throw InputError("--max-steps: must be at least 1");
    const ExitRule rule = chosen_rule(manifest, kTarget, options.rule, options.threshold);
    Session& session = *loaded->session;
    for (const std::string& image : options.images) {
        const Prepared prepared = load_image(image, manifest.preprocessing);
        to_tensor(prepared.pixels.data(), prepared.size, session.image());
        session.begin();
        Json steps = Json::array();
        const Step* step;
        do {
            step = &session.next();
            steps.push_back(step_json(*step, manifest, prepared));
        } while (!session.at_end() && !should_stop(rule, options.limits, *step));
        print({{"image", image},
               {"bundle_id", manifest.bundle_id},
               {"label", step->label},
               {"name", steps.back()["name"]},
               {"steps", steps}});
    }
    return 0;
}

int verify(const std::string& folder, int threads) {
    const auto loaded = Loaded::load(folder, threads);
    const Report report = verify(loaded->bundle, *loaded->graphs);
    std::printf("%-6s %4s  %-12s %-12s %11s %9s\n", "run as", "step", "graph", "tensor", "difference",
                "allowed");
    for (const Row& row : report.rows) {
        std::printf("%-6s %4zu  %-12s %-12s %11.2g %9.2g  %s\n", row.mode.c_str(), row.step,
                    row.graph.c_str(), row.tensor.c_str(), row.difference, row.allowed,
                    row.ok() ? "ok" : "TOO LARGE");
    }
    std::printf("whole loop: same label for %zu of %zu images, same number of steps for %zu of %zu\n",
                report.labels, report.images, report.steps, report.images);
    if (!report.ok()) throw RunError(folder + ": tensors differ by more than allowed");
    return 0;
}

int bench(const std::string& folder, int threads, const BenchOptions& options) {
    const auto loaded = Loaded::load(folder, threads);
    const Plan plan = make_plan(loaded->bundle.manifest, options.rounds, options.warmup);
    const Json start = conditions();
    print({{"context", context_of(*loaded)}, {"rounds", plan.rounds}, {"warmup", plan.warmup}});
    measure(*loaded, plan, 0, [](const Sample& sample) {
        print(sample.json());
        return true;
    });
    print({{"stretch", {{"first", 0}, {"start", start}, {"end", conditions()}}}});
    return 0;
}

}  // namespace gfnet
