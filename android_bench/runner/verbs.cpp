// What the server does for each verb of docs/wire.md.
#include <algorithm>
#include <cstring>
#include <filesystem>

#include "core/error.h"
#include "core/picture.h"
#include "core/verify.h"
#include "runner/bench.h"
#include "runner/conditions.h"
#include "runner/journal.h"
#include "runner/report.h"
#include "runner/serve.h"

namespace gfnet {

namespace fs = std::filesystem;

namespace {

void check(Json& arguments, const std::vector<Field>& fields) { object(fields)(arguments, "arguments"); }

Check names() { return map_of(text(), text()); }

std::map<std::string, std::string> bundles_in(const std::string& folder) {
    std::map<std::string, std::string> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        try {
            const Bundle bundle = open_bundle(entry.path().string(), kTarget);
            found[entry.path().filename().string()] = bundle.manifest.bundle_id;
        } catch (const InputError&) {  // `load` says what is wrong with it
        }
    }
    return found;
}

void put_image(const std::map<std::string, Tensor>& tensors, int size, float* image) {
    const auto found = tensors.find("image");
    if (found == tensors.end() || tensors.size() != 1) throw InputError("steps takes one tensor, image");
    const Tensor& given = found->second;
    if (given.dtype == Dtype::kUint8 && given.shape == Shape{size, size, 3}) {
        to_tensor(given.as<uint8_t>(), size, image);
    } else if (given.dtype == Dtype::kFloat32 && given.shape == Shape{1, 3, size, size}) {
        std::memcpy(image, given.data, given.bytes());
    } else {
        const std::string taken =
            describe(Dtype::kUint8, {size, size, 3}) + " or " + describe(Dtype::kFloat32, {1, 3, size, size});
        throw InputError("an image of " + describe(given.dtype, given.shape) + "; the bundle takes " + taken);
    }
}

}  // namespace

Loaded& Server::loaded() const {
    if (!loaded_) throw WireError("state", "no bundle is loaded; load one first");
    return *loaded_;
}

void Server::hello(Client& client, const Request& request) const {
    Json arguments = request.arguments;
    check(arguments, {});
    const Json limits = {{"header_bytes", kLargestHeader},
                         {"body_bytes", kLargestBody},
                         {"idle_s", kIdleSeconds},
                         {"frame_s", kFrameSeconds}};
    client.answer(request, {{"server", "gfnet-runner"},
                            {"version", GFNET_VERSION},
                            {"protocol", {1}},
                            {"target", kTarget},
                            {"runtime", "executorch"},
                            {"runtime_version", Graphs::runtime_version()},
                            {"compute_units", {"cpu"}},
                            {"limits", limits},
                            {"bundles", bundles_in(bundles_)},
                            {"device", device_facts()}});
}

void Server::load(Client& client, Request request) {
    check(request.arguments, {{"bundle", name_text()}, {"threads", integer(1, 256), 1}});
    loaded_.reset();
    registers_ = Registers();
    loaded_ = Loaded::load(bundles_ + "/" + request.arguments["bundle"].get<std::string>(),
                           request.arguments["threads"]);
    client.answer(request,
                  {{"bundle_id", loaded_->bundle.manifest.bundle_id}, {"load_ms", loaded_->load_ms}});
}

void Server::run(Client& client, Request request) {
    const Check call = object({{"graph", text()}, {"inputs", names()}, {"outputs", names()}});
    check(request.arguments, {{"calls", list_of(call), Json::array()},
                              {"zero", list_of(text()), Json::array()},
                              {"return", list_of(text()), Json::array()}});
    Graphs& graphs = *loaded().graphs;
    for (const auto& [name, tensor] : request.tensors) {
        const Tensor& kept = registers_.shaped(name, tensor.dtype, tensor.shape);
        if (tensor.bytes() > 0) std::memcpy(kept.data, tensor.data, tensor.bytes());
    }
    registers_.settle();
    for (const Json& name : request.arguments["zero"]) {
        const Tensor& kept = registers_.at(name);
        std::memset(kept.data, 0, kept.bytes());
    }
    const std::vector<double> milliseconds = run_calls(request.arguments["calls"], registers_, graphs);
    NamedTensors returned;
    size_t bytes = 0;
    for (const Json& name : request.arguments["return"]) {
        returned.emplace_back(name, registers_.at(name));
        bytes += returned.back().second.bytes();
        if (bytes > kLargestBody) throw InputError("the registers to return are more than a body holds");
    }
    std::sort(returned.begin(), returned.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
    returned.erase(std::unique(returned.begin(), returned.end(), same), returned.end());
    client.answer(request, {{"ms", milliseconds}}, returned);
}

void Server::steps(Client& client, Request request) {
    check(request.arguments, {{"rule", text(), ""},
                              {"threshold", number(0, 1), Json()},
                              {"max_steps", integer(1), Json()},
                              {"deadline_ms", number(0, 1e12), Json()},
                              {"expected_ms", list_of(number(0, 1e12)), Json::array()},
                              {"reset", boolean(), false}});
    const Json& wanted = request.arguments;
    const Manifest& manifest = loaded().bundle.manifest;
    Session& session = *loaded().session;
    std::optional<double> threshold;
    if (!wanted["threshold"].is_null()) threshold = wanted["threshold"].get<double>();
    const ExitRule rule = chosen_rule(manifest, kTarget, wanted["rule"], threshold);
    Limits limits;
    if (!wanted["max_steps"].is_null()) limits.max_steps = wanted["max_steps"].get<size_t>();
    if (!wanted["deadline_ms"].is_null()) limits.deadline_ms = wanted["deadline_ms"].get<double>();
    limits.expected_ms = wanted["expected_ms"].get<std::vector<double>>();
    put_image(request.tensors, manifest.preprocessing.size, session.image());
    if (wanted["reset"]) session.reset();
    session.begin();
    for (bool more = true; more;) {
        const Step& step = session.next();
        more = !session.at_end() && !should_stop(rule, limits, step);
        client.answer(request, step_report(step), step_tensors(step), more);
    }
}

void Server::verify(Client& client, const Request& request) {
    Json arguments = request.arguments;
    check(arguments, {});
    client.answer(request, verify_report(gfnet::verify(loaded().bundle, *loaded().graphs)));
}

void Server::bench(Client& client, Request request) {
    Json& wanted = request.arguments;
    if (wanted.is_object() && wanted.contains("drop")) {
        check(wanted, {{"run", name_text()}, {"drop", one_of({true})}});
        Journal::drop(results_, wanted["run"]);
        return client.answer(request, Json::object());
    }
    check(wanted, {{"run", name_text()},
                   {"rounds", integer(1, 100'000)},
                   {"warmup", integer(0, 100'000), 10},
                   {"have", integer(0), 0}});
    const Plan plan = make_plan(loaded().bundle.manifest, wanted["rounds"], wanted["warmup"]);
    const Json header = {{"bundle_id", loaded().bundle.manifest.bundle_id},
                         {"threads", loaded().threads},
                         {"rounds", plan.rounds},
                         {"warmup", plan.warmup}};
    Journal journal(results_, wanted["run"], header);
    const size_t kept = journal.samples().size(), have = wanted["have"];
    if (have > kept) {
        throw InputError("have " + std::to_string(have) + ": the device has " + std::to_string(kept) +
                         " samples of that run; begin a new one");
    }
    const Json answer = {
        {"plan", plan.whats}, {"samples", plan.samples()}, {"kept", kept}, {"context", context_of(loaded())}};
    client.answer(request, answer, {}, true);
    constexpr size_t kPerFrame = 256;
    for (size_t first = have; first < kept; first += kPerFrame) {
        const auto begin = journal.samples().begin() + static_cast<std::ptrdiff_t>(first);
        const auto end = begin + static_cast<std::ptrdiff_t>(std::min(kPerFrame, kept - first));
        client.answer(request, {{"samples", Json(std::vector<Json>(begin, end))}}, {}, true);
    }
    Json stretch = {{"first", kept}, {"start", conditions()}, {"end", Json()}};
    if (kept < plan.samples()) journal.append_conditions(stretch);
    const auto take = [&](const Sample& sample) {
        journal.append(sample);
        if (plan.ends_round(sample.index)) {
            stretch["end"] = conditions();
            journal.append_conditions(stretch);
            journal.sync();
        }
        client.answer(request, {{"samples", {journal.samples().back()}}}, {}, true);
        return !client.is_gone();
    };
    measure(loaded(), plan, kept, take);
    if (journal.samples().size() < plan.samples()) throw Disconnected();
    client.answer(request, {{"done", true}, {"conditions", journal.conditions()}});
}

}  // namespace gfnet
