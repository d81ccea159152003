import Foundation
import GFNetKit

/// Holds bundles and runs them for a host that asks over `docs/wire.md`'s protocol, on loopback only: one client at a
/// time. On an iPhone the host reaches it through USB (`iproxy`).
public actor WireServer {
    /// Loads a bundle: with so many threads, on those compute units (nil: as the manifest suggests).
    public typealias Load<Used: Engine> =
        @Sendable (GFNetBundle, _ threads: Int, Manifest.GraphFile.ComputeUnits?) async throws -> Used

    public nonisolated let port: UInt16
    private let listener: Listener
    let bundles: URL
    let results: URL
    let computeUnits: [Manifest.GraphFile.ComputeUnits]
    let engine: any Engine.Type
    private let load: @Sendable (GFNetBundle, Int, Manifest.GraphFile.ComputeUnits?) async throws -> Session

    var loaded: Loaded?
    var registers = WireRegisters()

    /// Serves the bundles in the folder `bundles`; measurements are kept in `results`. Port 0 is any that is free.
    ///
    /// `computeUnits`: what this engine can choose from. Throws ``GFNetError/input(_:)`` where the port is taken.
    public init<Used: Engine>(
        bundles: URL, results: URL, port: UInt16, computeUnits: [Manifest.GraphFile.ComputeUnits],
        load: @escaping Load<Used>
    ) throws {
        listener = try Listener(port: port)
        self.port = listener.port
        (self.bundles, self.results, self.computeUnits) = (bundles, results, computeUnits)
        engine = Used.self
        self.load = { @Sendable (bundle, threads, units) async throws -> Session in
            try await Session(bundle, engine: load(bundle, threads, units))
        }
    }

    /// Serves one client after the other until the task is cancelled.
    public func serve() async throws {
        while true {
            try Task.checkCancellation()
            let client = await listener.accept()
            do {
                try await serve(client)
            } catch is Disconnected {
            }
        }
    }

    func load(_ folder: URL, threads: Int, _ units: Manifest.GraphFile.ComputeUnits?) async throws -> Loaded {
        try await Loaded(folder, threads: threads, units, load)
    }

    private func serve(_ client: Connection) async throws {
        while true {
            let (request, problem) = try await client.read()
            do {
                if let problem { throw problem }
                if try await !answer(request, client) { return }
            } catch is Disconnected {
                throw Disconnected()
            } catch {
                let error = WireError(error)
                try client.refuse(request, error)
                if error.endsConnection { return }
            }
        }
    }

    private func answer(_ request: Request, _ client: Connection) async throws -> Bool {
        if !request.tensors.isEmpty, !["run", "steps"].contains(request.verb) {
            throw WireError(.input, "verb '\(request.verb)' takes no tensors")
        }
        switch request.verb {
        case "hello": try await hello(request, client)
        case "load": try await load(request, client)
        case "run": try await run(request, client)
        case "steps": try await steps(request, client)
        case "verify": try await verify(request, client)
        case "plan": try await plan(request, client)
        case "bench": try await bench(request, client)
        case "bye":
            try client.answer(request, [:])
            return false
        default: throw WireError(.verb, "no verb '\(request.verb)'")
        }
        return true
    }
}
