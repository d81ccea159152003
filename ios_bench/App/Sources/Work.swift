import Combine
import CoreMLEngine
import Foundation
import GFNetKit
import GFNetWire

/// What the app is doing: measuring by itself, or answering a host. One thing at a time.
@MainActor
final class Work: ObservableObject {
    @Published private(set) var lines: [String] = []
    @Published private(set) var isBusy = false

    /// Does what the launch arguments say; waits for a touch where they say nothing.
    func start() async {
        let arguments = Arguments()
        do {
            try Folders.make()
            if let port = arguments.port {
                try await serve(port)
            } else if let bundle = arguments.bundle {
                try await measure(bundle, arguments.run, arguments.computeUnits(), rounds: arguments.rounds)
            }
        } catch {
            say("error: \(error.localizedDescription)")
        }
    }

    /// Measures one of the bundles in the app's folder; ends with `done` on standard output, or `error:` and why.
    func measure(
        _ name: String, _ run: String, _ units: [Manifest.GraphFile.ComputeUnits], rounds: Int
    ) async throws {
        guard !isBusy else { throw GFNetError.busy }
        isBusy = true
        defer { isBusy = false }
        let bench = DeviceBench(
            bundle: Folders.bundles.appendingPathComponent(name), results: Folders.results
        ) { bundle, _, units in try CoreMLEngine(bundle, computeUnits: units) }
        try await bench.run(run, units: units, rounds: rounds) { [weak self] line in await self?.say(line) }
        say("done")
    }

    private func serve(_ port: UInt16) async throws {
        isBusy = true
        defer { isBusy = false }
        let server = try WireServer(
            bundles: Folders.bundles, results: Folders.results, port: port,
            computeUnits: [.all, .cpuAndNeuralEngine, .cpuAndGPU, .cpu]
        ) { bundle, _, units in try CoreMLEngine(bundle, computeUnits: units) }
        say("listening on \(server.port)")
        try await server.serve()
    }

    /// For the screen, and for whoever holds the console.
    private func say(_ line: String) {
        print(line)
        lines = lines.suffix(199) + [line]
    }
}
