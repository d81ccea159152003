#include "runner/bench.h"

#include <cstring>

#include "core/clock.h"
#include "core/error.h"
#include "core/golden.h"
#include "core/picture.h"
#include "runner/conditions.h"

namespace gfnet {

namespace {

constexpr size_t kColdLoads = 5, kMostRounds = 100'000;
const std::string kGraph = "graph:", kEndToEnd = "end_to_end:", kColdLoad = "cold_load";

// Each graph once, on the inputs that the first golden image gave it.
struct GraphCalls {
    std::vector<std::vector<uint8_t>> memory;
    std::map<std::string, BoundCall> calls;

    GraphCalls(const Manifest& manifest, const Golden& golden, Graphs& graphs) {
        GoldenRegisters registers(manifest, golden);
        registers.begin(0);
        for (size_t step = 0; step < manifest.steps.size(); ++step) {
            for (const Call& call : manifest.steps[step].calls) {
                if (call.graph != kCrop && !calls.count(call.graph)) bind(registers, call, graphs);
                registers.take(step, call);
            }
        }
    }

  private:
    void bind(const GoldenRegisters& registers, const Call& call, Graphs& graphs) {
        const Tensors inputs = registers.copied(call.inputs, memory);
        const Tensors outputs = registers.copied(call.outputs, memory);
        calls.emplace(call.graph, graphs.bind(call.graph, inputs, outputs));
    }
};

class Measurement {
  public:
    Measurement(Loaded& loaded)
        : loaded_(loaded),
          golden_(loaded.bundle),
          graphs_(loaded.bundle.manifest, golden_, *loaded.graphs),
          rule_(loaded.bundle.manifest.rule(kTarget, "")) {
        to_tensor(golden_.image(0), loaded.bundle.manifest.preprocessing.size, loaded.session->image());
    }

    Sample take(size_t index, const std::string& what) {
        Sample sample{index, what, 0, 0};
        const auto start = Clock::now();
        if (what.rfind(kGraph, 0) == 0) {
            graphs_.calls.at(what.substr(kGraph.size()))();
        } else if (what == kColdLoad) {
            Loaded::load(loaded_.bundle.folder, loaded_.threads);
        } else {
            sample.graphs_ms = walk_to(std::stoul(what.substr(kEndToEnd.size())));
        }
        sample.ms = milliseconds_since(start);
        return sample;
    }

  private:
    // From an image in its place to the answer of a step, exit rule included; gives what the calls took.
    double walk_to(size_t last) {
        Session& session = *loaded_.session;
        session.begin();
        while (true) {
            const Step& step = session.next();
            decided_ += should_stop(rule_, step.index, step.logits, step.classes);
            if (step.index == last) return step.graphs_ms;
        }
    }

    Loaded& loaded_;
    Golden golden_;
    GraphCalls graphs_;
    const ExitRule& rule_;
    size_t decided_ = 0;  // so that the decision is not optimised away
};

}  // namespace

size_t Plan::samples() const { return rounds * whats.size() + kColdLoads; }

const std::string& Plan::what(size_t sample) const {
    if (sample >= rounds * whats.size()) return kColdLoad;
    return whats[(sample / whats.size() + sample % whats.size()) % whats.size()];
}

bool Plan::ends_round(size_t sample) const {
    return sample + 1 == samples() || (sample < rounds * whats.size() && (sample + 1) % whats.size() == 0);
}

Json Sample::json() const {
    Json found = {{"index", index}, {"what", what}, {"ms", ms}};
    if (graphs_ms > 0) found["graphs_ms"] = graphs_ms;
    return found;
}

Plan make_plan(const Manifest& manifest, size_t rounds, size_t warmup) {
    if (rounds < 1 || rounds > kMostRounds || warmup > kMostRounds) {
        throw InputError("rounds and warm-up: at least 1 and 0, at most " + std::to_string(kMostRounds));
    }
    Plan plan{{}, rounds, warmup};
    for (const std::string& graph : manifest.graphs()) plan.whats.push_back(kGraph + graph);
    for (size_t step = 0; step < manifest.steps.size(); ++step)
        plan.whats.push_back(kEndToEnd + std::to_string(step));
    return plan;
}

Json context_of(const Loaded& loaded) {
    return {{"bundle_id", loaded.bundle.manifest.bundle_id},
            {"target", kTarget},
            {"runtime", "executorch"},
            {"runtime_version", Graphs::runtime_version()},
            {"threads", loaded.threads},
            {"compute_units", "cpu"},
            {"device", device_facts()}};
}

void measure(Loaded& loaded, const Plan& plan, size_t first, const std::function<bool(const Sample&)>& take) {
    if (first >= plan.samples()) return;
    Measurement measurement(loaded);
    for (size_t round = 0; round < plan.warmup; ++round) {
        for (const std::string& what : plan.whats) measurement.take(0, what);
    }
    for (size_t index = first; index < plan.samples(); ++index) {
        if (!take(measurement.take(index, plan.what(index)))) return;
    }
}

}  // namespace gfnet
