import Foundation
import GFNetKit

private let graphPrefix = "graph:"
private let endToEndPrefix = "end_to_end:"
private let coldLoad = "cold_load"
private let coldLoads = 5
let mostRounds = 100_000

/// Numbered samples in an order that follows from their number, so that a measurement can be cut off and go on.
struct Plan: Sendable {
    /// of a round
    let whats: [String]
    let rounds: Int
    let warmup: Int

    init(_ program: Manifest, rounds: Int, warmup: Int) {
        whats = program.graphs.map { graphPrefix + $0 } + program.steps.indices.map { "\(endToEndPrefix)\($0)" }
        (self.rounds, self.warmup) = (rounds, warmup)
    }

    var samples: Int { rounds * whats.count + coldLoads }

    func what(_ sample: Int) -> String {
        guard sample < rounds * whats.count else { return coldLoad }
        return whats[(sample / whats.count + sample % whats.count) % whats.count]
    }

    func endsRound(_ sample: Int) -> Bool {
        sample + 1 == samples || (sample < rounds * whats.count && (sample + 1) % whats.count == 0)
    }
}

typealias Reload = @Sendable () async throws -> Loaded

/// Takes the samples that the journal does not have; `taken` hears of each once it is on its way to the disk. `facts` are
/// said beside the conditions at the start.
func measure(
    _ loaded: Loaded, _ plan: Plan, into journal: inout Journal, facts: [String: JSON] = [:],
    reload: @escaping Reload, taken: (JSON) async throws -> Void
) async throws {
    let first = journal.samples.count
    let start = JSON.object(conditions().merging(facts) { _, fact in fact })
    func stretch(_ end: JSON) -> JSON { ["first": .integer(first), "start": start, "end": end] }
    try journal.append(stretch: stretch(nil))
    let measurement = try await Measurement(loaded, reload)
    for _ in 0..<plan.warmup {
        for what in plan.whats { _ = try await measurement.take(0, what) }
    }
    for index in first..<plan.samples {
        let sample = try await measurement.take(index, plan.what(index))
        try journal.append(sample: sample)
        if plan.endsRound(index) {
            try journal.append(stretch: stretch(.object(conditions())))
            try journal.sync()
        }
        try await taken(sample)
    }
}

/// Measures a loaded bundle on its first golden image.
private struct Measurement {
    let loaded: Loaded
    let image: Prepared
    let stopping: Stopping
    /// each graph once, on the inputs that the golden image gave it
    private var alone: [String: BoundAlone] = [:]
    private let reload: Reload

    init(_ loaded: Loaded, _ reload: @escaping Reload) async throws {
        self.loaded = loaded
        self.reload = reload
        let golden = try Golden(of: loaded.bundle)
        image = try golden.image(0)
        stopping = try loaded.session.stopping()
        // puts the image in its place
        _ = try await loaded.session.classify(image, maxSteps: 1)
        let program = loaded.bundle.manifest
        var registers = GoldenRegisters(program, golden)
        try registers.begin(0)
        for (number, step) in program.steps.enumerated() {
            for call in step.calls {
                if call.graph != Manifest.crop, alone[call.graph] == nil {
                    let bound = try await loaded.session.bindAlone(call)
                    for (tensor, name) in call.inputs {
                        if let value = registers.values[name] { bound.inputs[tensor]?.copy(from: value) }
                    }
                    alone[call.graph] = bound
                }
                registers.take(number, call)
            }
        }
    }

    func take(_ index: Int, _ what: String) async throws -> JSON {
        var sample: [String: JSON] = ["index": .integer(index), "what": .text(what)]
        if let graph = what.suffix(after: graphPrefix), let bound = alone[graph] {
            let start = Moment.now
            try await bound.call()
            sample["ms"] = .number(Moment.now.milliseconds(since: start))
        } else if let last = what.suffix(after: endToEndPrefix).flatMap(Int.init) {
            let (ms, graphsMs) = try await loaded.session.walk(to: last, stopping, image)
            sample["ms"] = .number(ms)
            sample["graphs_ms"] = .number(graphsMs)
        } else {
            sample["ms"] = .number(try await reload().loadMs)
        }
        return .object(sample)
    }
}

extension String {
    fileprivate func suffix(after prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
