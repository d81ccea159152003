import Foundation
import GFNetKit

private let graphPrefix = "graph:"
private let endToEndPrefix = "end_to_end:"
private let coldLoad = "cold_load"
private let coldLoads = 5
private let mostRounds = 100_000

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

/// Measures a loaded bundle on its first golden image.
private struct Measurement {
    let loaded: Loaded
    let image: Prepared
    let stopping: Stopping
    /// each graph once, on the inputs that the golden image gave it
    private var alone: [String: BoundAlone] = [:]
    private let server: WireServer

    init(_ loaded: Loaded, _ server: WireServer) async throws {
        self.loaded = loaded
        self.server = server
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
                    let bound = try await loaded.session.bindAlone(number, call)
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
            let start = ContinuousClock.now
            try await bound.call()
            sample["ms"] = .number(milliseconds(since: start))
        } else if let last = what.suffix(after: endToEndPrefix).flatMap(Int.init) {
            let (ms, graphsMs) = try await loaded.session.walk(to: last, stopping, image)
            sample["ms"] = .number(ms)
            sample["graphs_ms"] = .number(graphsMs)
        } else {
            let again = try await server.load(loaded.bundle.folder, threads: loaded.threads, loaded.units)
            sample["ms"] = .number(again.loadMs)
        }
        return .object(sample)
    }
}

extension WireServer {
    func bench(_ request: Request, _ client: Connection) async throws {
        if request.arguments["drop"] != nil {
            let member = try request.arguments(with: ["run", "drop"])
            guard try member("drop").bool() else { throw WireError(.input, "arguments.drop: must be true") }
            try Journal.drop(results, run: member("run").name())
            return try await client.answer(request, [:])
        }
        let member = try request.arguments(with: ["run", "rounds", "warmup", "have"])
        let run = try member("run").name()
        let rounds = try member("rounds").integer(1...mostRounds)
        let warmup = try member.optional("warmup")?.integer(0...mostRounds) ?? 10
        let have = try member.optional("have")?.integer(0...Int.max) ?? 0
        let loaded = try loadedOrRefusal()
        let plan = Plan(loaded.bundle.manifest, rounds: rounds, warmup: warmup)
        var header: [String: JSON] = [
            "bundle_id": .text(loaded.bundle.manifest.bundleID), "threads": .integer(loaded.threads),
            "rounds": .integer(rounds), "warmup": .integer(warmup),
        ]
        if let units = loaded.units { header["compute_units"] = .text(units.rawValue) }
        var journal = try Journal(results, run: run, header: .object(header))
        let kept = journal.samples.count
        guard have <= kept else {
            throw WireError(.input, "have \(have): the device has \(kept) samples of that run; begin a new one")
        }
        let first: JSON = [
            "plan": .list(plan.whats.map(JSON.text)), "samples": .integer(plan.samples), "kept": .integer(kept),
            "context": context(loaded),
        ]
        try await client.answer(request, first, more: true)
        for start in stride(from: have, to: kept, by: 256) {
            let some = Array(journal.samples[start..<min(start + 256, kept)])
            try await client.answer(request, ["samples": .list(some)], more: true)
        }
        if kept < plan.samples { try await measure(loaded, plan, &journal, request, client) }
        try await client.answer(request, ["done": true, "conditions": .list(journal.stretches)])
    }

    private func measure(
        _ loaded: Loaded, _ plan: Plan, _ journal: inout Journal, _ request: Request, _ client: Connection
    ) async throws {
        let first = journal.samples.count
        let start = conditions()
        func stretch(_ end: JSON) -> JSON { ["first": .integer(first), "start": start, "end": end] }
        try journal.append(stretch: stretch(nil))
        let measurement = try await Measurement(loaded, self)
        for _ in 0..<plan.warmup {
            for what in plan.whats { _ = try await measurement.take(0, what) }
        }
        for index in first..<plan.samples {
            let sample = try await measurement.take(index, plan.what(index))
            try journal.append(sample: sample)
            if plan.endsRound(index) {
                try journal.append(stretch: stretch(conditions()))
                try journal.sync()
            }
            try await client.answer(request, ["samples": [sample]], more: true)
            if client.isGone { throw Disconnected() }
        }
    }

    private func context(_ loaded: Loaded) -> JSON {
        [
            "bundle_id": .text(loaded.bundle.manifest.bundleID), "target": .text(engine.target),
            "runtime": .text(engine.runtime), "runtime_version": .text(engine.runtimeVersion),
            "threads": .integer(loaded.threads),
            "compute_units": .text(
                loaded.units?.rawValue ?? (computeUnits.count == 1 ? computeUnits[0].rawValue : "manifest")),
            "device": deviceFacts(),
        ]
    }
}

extension String {
    fileprivate func suffix(after prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
