import Foundation
import GFNetKit

/// A measurement without a host: for an app that was started with arguments. Lines are written as they come, so that what
/// was measured before a crash is kept, and the same measurement goes on where it was cut off.
public struct DeviceBench<Used: Engine>: Sendable {
    let bundle: URL
    let results: URL
    let load: WireServer.Load<Used>

    /// `results`: a folder, for one file `RUN-UNITS.jsonl` for each choice of compute units.
    public init(bundle: URL, results: URL, load: @escaping WireServer.Load<Used>) {
        (self.bundle, self.results, self.load) = (bundle, results, load)
    }

    /// Measures each graph and the sequence to each step, `rounds` times, for each choice of compute units. `progress`
    /// hears of each sample. Throws ``GFNetError``.
    public func run(
        _ name: String, units: [Manifest.GraphFile.ComputeUnits], rounds: Int = 100, warmup: Int = 10,
        progress: @Sendable (String) async -> Void
    ) async throws {
        for one in units {
            let open = { @Sendable in
                try await Loaded(bundle, threads: 1, one) { bundle, threads, units in
                    try await Session(bundle, engine: load(bundle, threads, units))
                }
            }
            let loaded = try await open()
            let grey = try Prepared(
                pixels: Array(repeating: 127, count: loaded.pixels), size: loaded.bundle.manifest.preprocessing.size)
            let first = Moment.now
            _ = try await loaded.session.classify(grey, threshold: 1)
            // the first load after an installation compiles, and can take minutes; those of `cold_load` are warm
            var facts: [String: JSON] = [
                "load_ms": .number(loaded.loadMs),
                "first_prediction_ms": .number(Moment.now.milliseconds(since: first)),
                "context": loaded.context(Used.self),
            ]
            if Used.self is any PlanningEngine.Type {
                // a system that is too old to say is no reason not to measure
                facts["plans"] = try? .list(await loaded.plans(Used.self))
            }
            let plan = Plan(loaded.bundle.manifest, rounds: rounds, warmup: warmup)
            var journal = try Journal(results, run: "\(name)-\(one.rawValue)", header: loaded.header(plan))
            guard journal.samples.count < plan.samples else { continue }
            try await measure(loaded, plan, into: &journal, facts: facts, reload: open) { sample in
                await progress("\(one.rawValue) \(sample.text())")
            }
        }
    }
}

extension Loaded {
    fileprivate var pixels: Int { 3 * bundle.manifest.preprocessing.size * bundle.manifest.preprocessing.size }
}
