import Foundation
import GFNetKit

extension WireServer {
    func bench(_ request: Request, _ client: Connection) async throws {
        if request.arguments["drop"] != nil {
            let member = try request.arguments(with: ["run", "drop"])
            guard try member("drop").bool() else { throw WireError(.input, "arguments.drop: must be true") }
            try Journal.drop(results, run: member("run").name())
            return try client.answer(request, [:])
        }
        let member = try request.arguments(with: ["run", "rounds", "warmup", "have"])
        let run = try member("run").name()
        let rounds = try member("rounds").integer(1...mostRounds)
        let warmup = try member.optional("warmup")?.integer(0...mostRounds) ?? 10
        let have = try member.optional("have")?.integer(0...Int.max) ?? 0
        let loaded = try loadedOrRefusal()
        let plan = Plan(loaded.bundle.manifest, rounds: rounds, warmup: warmup)
        var journal = try Journal(results, run: run, header: loaded.header(plan))
        let kept = journal.samples.count
        guard have <= kept else {
            throw WireError(.input, "have \(have): the device has \(kept) samples of that run; begin a new one")
        }
        let first: JSON = [
            "plan": .list(plan.whats.map(JSON.text)), "samples": .integer(plan.samples), "kept": .integer(kept),
            "context": loaded.context(engine),
        ]
        try client.answer(request, first, more: true)
        for start in stride(from: have, to: kept, by: 256) {
            let some = Array(journal.samples[start..<min(start + 256, kept)])
            try client.answer(request, ["samples": .list(some)], more: true)
        }
        if kept < plan.samples {
            let folder = loaded.bundle.folder
            try await measure(loaded, plan, into: &journal) {
                try await self.load(folder, threads: loaded.threads, loaded.units)
            } taken: { sample in
                try client.answer(request, ["samples": [sample]], more: true)
                if client.isGone { throw Disconnected() }
            }
        }
        try client.answer(request, ["done": true, "conditions": .list(journal.stretches)])
    }
}
