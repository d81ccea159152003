// gfnet-runner: run, verify, measure or serve bundles with ExecuTorch, on a phone or a desktop.
// Exit codes: 0 done, 1 a check failed, 2 bad input (one line on stderr).
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "core/error.h"
#include "core/graphs.h"
#include "runner/commands.h"
#include "runner/serve.h"

namespace {

int run_command_line(int count, char** values) {
    CLI::App app{"Glance-and-focus bundles on this device.", "gfnet-runner"};
    app.set_version_flag("--version", "gfnet-runner " GFNET_VERSION ", ExecuTorch " GFNET_EXECUTORCH_VERSION);
    app.require_subcommand(1);
    std::string bundle;
    int threads = 1;
    const auto with_bundle = [&](const char* name, const char* what) {
        CLI::App* command = app.add_subcommand(name, what);
        command->add_option("bundle", bundle, "Folder NAME.gfnet")->required();
        command->add_option("--threads", threads, "Threads of the runtime")->capture_default_str();
        return command;
    };

    gfnet::RunOptions run;
    CLI::App* run_command = with_bundle("run", "Classify pictures; one JSON object per picture and line.");
    run_command->add_option("image", run.images, "Pictures, or .safetensors files with a tensor `image`")
        ->required();
    run_command->add_option("--rule", run.rule, "One of the bundle's exit rules");
    run_command->add_option("--threshold", run.threshold, "Stop at this max-softmax confidence instead");
    run_command->add_option("--max-steps", run.limits.max_steps, "Take no more steps than this");
    run_command->add_option("--deadline-ms", run.limits.deadline_ms,
                            "Start no step after so many milliseconds");

    CLI::App* verify_command = with_bundle("verify", "Compare the bundle's graphs with its golden vectors.");

    gfnet::BenchOptions bench;
    CLI::App* bench_command =
        with_bundle("bench", "Measure each graph and the sequence up to each step; JSON lines.");
    bench_command->add_option("--rounds", bench.rounds, "Each round measures everything once")
        ->capture_default_str();
    bench_command->add_option("--warmup", bench.warmup, "Rounds that do not count")->capture_default_str();

    std::string bundles, results;
    int port = 0;
    CLI::App* serve_command = app.add_subcommand("serve", "Serve a host, one client at a time, on loopback.");
    serve_command->add_option("--bundles", bundles, "Folder of bundles")->required();
    serve_command->add_option("--results", results, "Folder for samples")->required();
    serve_command->add_option("--port", port, "Port; 0: any free one")->check(CLI::Range(0, 65535));

    try {
        app.parse(count, values);
    } catch (const CLI::Success& success) {  // --help, --version
        return app.exit(success);
    } catch (const CLI::ParseError& error) {
        throw gfnet::InputError(std::string(error.what()) + " (see gfnet-runner --help)");
    }
    if (run_command->parsed()) return gfnet::run(bundle, threads, run);
    if (verify_command->parsed()) return gfnet::verify(bundle, threads);
    if (bench_command->parsed()) return gfnet::bench(bundle, threads, bench);
    if (serve_command->parsed()) gfnet::Server(bundles, results).serve(port);
    return 0;
}

}  // namespace

int main(int count, char** values) {
    try {
        return run_command_line(count, values);
    } catch (const gfnet::RunError& error) {
        std::fprintf(stderr, "failed: %s\n", error.what());
        return 1;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "error: %s\n", gfnet::one_line(error.what()).c_str());
        return 2;
    }
}
