#include "core/verify.h"

#include <executorch/runtime/core/portable_type/half.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/golden.h"
#include "core/picture.h"
#include "core/session.h"

namespace gfnet {

namespace {

double value_at(Dtype dtype, const uint8_t* values, size_t index) {
    if (dtype == Dtype::kFloat16) {
        uint16_t bits;
        std::memcpy(&bits, values + 2 * index, sizeof bits);
        return static_cast<float>(
            executorch::runtime::etensor::Half(bits, executorch::runtime::etensor::Half::from_bits()));
    }
    if (dtype == Dtype::kInt32) {
        int32_t value;
        std::memcpy(&value, values + 4 * index, sizeof value);
        return value;
    }
    float value;
    std::memcpy(&value, values + 4 * index, sizeof value);
    return value;
}

// The largest difference between two tensors over all images.
class Difference {
  public:
    void take(const Register& one, const void* found, const uint8_t* golden) {
        any_ = true;
        for (size_t index = 0; index < elements_of(one.shape); ++index) {
            const double exact = value_at(one.dtype, golden, index);
            const double apart =
                std::abs(value_at(one.dtype, static_cast<const uint8_t*>(found), index) - exact);
            if (!(apart <= largest_)) largest_ = std::isnan(largest_) ? largest_ : apart;  // NaN stays
            scale_ = std::max(scale_, std::abs(exact));
        }
    }

    bool any() const { return any_; }
    double pixels() const { return largest_; }
    double relative() const { return largest_ / (scale_ > 0 ? scale_ : 1); }

  private:
    bool any_ = false;
    double largest_ = 0, scale_ = 0;
};

// The differences of one call's outputs.
struct Compared {
    std::map<std::string, Difference> tensors;
};

class Verification {
  public:
    Verification(const Bundle& bundle, Graphs& graphs)
        : bundle_(bundle),
          m_(bundle.manifest),
          graphs_(graphs),
          golden_(bundle),
          target_(bundle.target(kTarget)),
          exact_(target_.is_exact()) {}

    Report report() {
        Report report;
        add_rows("graph", each_alone(), report.rows);
        const std::vector<Compared> loop = whole_loop(report);
        if (exact_) add_rows("loop", loop, report.rows);
        report.images = golden_.count();
        return report;
    }

  private:
    std::vector<Compared> each_alone() {
        std::vector<Compared> calls;
        std::vector<std::vector<uint8_t>> memory;  // inputs and outputs of all calls, at places that stay
        std::vector<BoundCall> bound;
        std::vector<Tensors> inputs, outputs;
        GoldenRegisters registers(m_, golden_);
        for_calls([&](size_t, const Call& call) {
            calls.emplace_back();
            if (call.graph == kCrop) return;
            inputs.push_back(registers.copied(call.inputs, memory));
            outputs.push_back(registers.copied(call.outputs, memory));
            bound.push_back(graphs_.bind(call.graph, inputs.back(), outputs.back()));
        });
        for (size_t image = 0; image < golden_.count(); ++image) {
            registers.begin(image);
            size_t number = 0, graph = 0;
            for_calls([&](size_t step, const Call& call) {
                Compared& compared = calls[number++];
                if (call.graph != kCrop) {
                    for (const auto& [tensor, name] : call.inputs) {
                        const std::vector<uint8_t>& value = registers.at(name);
                        std::memcpy(inputs[graph].at(tensor).data, value.data(), value.size());
                    }
                    bound[graph]();
                    compare(image, step, call, compared,
                            [&](const std::string& tensor) { return outputs[graph].at(tensor).data; });
                    ++graph;
                }
                registers.take(step, call);
            });
        }
        return calls;
    }

    std::vector<Compared> whole_loop(Report& report) {
        std::vector<Compared> calls;
        for_calls([&](size_t, const Call&) { calls.emplace_back(); });
        Session session(bundle_, graphs_);
        const ExitRule& rule = m_.rules.at(m_.default_rule);
        const ExitRule& own = m_.rule(kTarget, "");
        report.labels = report.steps = 0;
        for (size_t image = 0; image < golden_.count(); ++image) {
            to_tensor(golden_.image(image), m_.preprocessing.size, session.image());
            session.begin();
            size_t number = 0, ends = SIZE_MAX, golden_ends = SIZE_MAX, golden_label = 0;
            const Step* step = nullptr;
            while (!session.at_end()) {
                step = &session.next();
                for (const Call& call : m_.steps[step->index].calls) {
                    compare(image, step->index, call, calls[number++],
                            [&](const std::string& tensor) -> const void* {
                                const std::string& name = call.outputs.at(tensor);
                                return is_overwritten(step->index, call, name)
                                           ? nullptr
                                           : session.register_of(name).data;
                            });
                }
                const std::vector<float> logits = golden_logits(image, step->index);
                const auto best = std::max_element(logits.begin(), logits.end());
                golden_label = static_cast<size_t>(best - logits.begin());
                const auto stops = [&](const ExitRule& one, const float* values) {
                    return should_stop(one, step->index, values, logits.size());
                };
                if (ends == SIZE_MAX && stops(own, step->logits)) ends = step->index;
                if (golden_ends == SIZE_MAX && stops(rule, logits.data())) golden_ends = step->index;
            }
            report.labels += step->label == golden_label;
            report.steps += ends == golden_ends;
        }
        return calls;
    }

    // Positions of compressed graphs may move; what was cut at another place is not compared then.
    template <typename Found>
    void compare(size_t image, size_t step, const Call& call, Compared& compared, const Found& found) {
        bool alike = true;
        for (const auto& [tensor, name] : call.outputs) {
            if (exact_ || name != m_.steps[step].position || !found(tensor)) continue;
            alike = std::memcmp(found(tensor), golden_.output(image, step, call.graph, tensor),
                                2 * sizeof(int32_t)) == 0;
        }
        for (const auto& [tensor, name] : call.outputs) {
            const void* values = found(tensor);
            const Register& one = m_.registers.at(name);
            if (values && (alike || one.dtype == Dtype::kInt32)) {
                compared.tensors[tensor].take(one, values, golden_.output(image, step, call.graph, tensor));
            }
        }
    }

    void add_rows(const std::string& mode, const std::vector<Compared>& calls, std::vector<Row>& rows) const {
        size_t number = 0;
        for_calls([&](size_t step, const Call& call) {
            const auto file = target_.graphs.find(call.graph);
            const double tolerance = file == target_.graphs.end() ? 0 : file->second.tolerance;
            for (const auto& [tensor, difference] : calls[number++].tensors) {
                if (!difference.any()) continue;
                const bool pixels = m_.registers.at(call.outputs.at(tensor)).dtype == Dtype::kInt32;
                const double moved = exact_ ? 0 : std::max(1.0, tolerance * m_.preprocessing.size);
                rows.push_back({mode, step, call.graph, tensor,
                                pixels ? difference.pixels() : difference.relative(),
                                pixels ? moved : tolerance});
            }
        });
    }

    std::vector<float> golden_logits(size_t image, size_t step) const {
        std::vector<float> logits(m_.classes());
        for (const Call& call : m_.steps[step].calls) {
            for (const auto& [tensor, name] : call.outputs) {
                if (name != m_.steps[step].logits) continue;
                const uint8_t* values = golden_.output(image, step, call.graph, tensor);
                std::memcpy(logits.data(), values, logits.size() * sizeof(float));
            }
        }
        return logits;
    }

    bool is_overwritten(size_t step, const Call& call, const std::string& name) const {
        const std::vector<Call>& calls = m_.steps[step].calls;
        for (const Call* later = &call + 1; later != calls.data() + calls.size(); ++later) {
            for (const auto& output : later->outputs) {
                if (output.second == name) return true;
            }
        }
        return false;
    }

    template <typename Visit>
    void for_calls(const Visit& visit) const {
        for (size_t step = 0; step < m_.steps.size(); ++step) {
            for (const Call& call : m_.steps[step].calls) visit(step, call);
        }
    }

    const Bundle& bundle_;
    const Manifest& m_;
    Graphs& graphs_;
    Golden golden_;
    const Target& target_;
    const bool exact_;
};

}  // namespace

bool Report::ok() const {
    return std::all_of(rows.begin(), rows.end(), [](const Row& row) { return row.ok(); });
}

Report verify(const Bundle& bundle, Graphs& graphs) { return Verification(bundle, graphs).report(); }

}  // namespace gfnet
