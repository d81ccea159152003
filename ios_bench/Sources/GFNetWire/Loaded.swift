import Foundation
import GFNetKit

/// A bundle, ready to run.
struct Loaded: Sendable {
    let bundle: GFNetBundle
    let session: Session
    let threads: Int
    /// nil: as the manifest suggests for each graph
    let units: Manifest.GraphFile.ComputeUnits?
    let loadMs: Double

    init(
        _ folder: URL, threads: Int, _ units: Manifest.GraphFile.ComputeUnits?,
        _ load: (GFNetBundle, Int, Manifest.GraphFile.ComputeUnits?) async throws -> Session
    ) async throws {
        let start = Moment.now
        bundle = try GFNetBundle(contentsOf: folder)
        session = try await load(bundle, threads, units)
        try await session.load()
        (self.threads, self.units) = (threads, units)
        loadMs = Moment.now.milliseconds(since: start)
    }

    /// What a measurement must have in common with one that it goes on with.
    func header(_ plan: Plan) -> JSON {
        var header: [String: JSON] = [
            "bundle_id": .text(bundle.manifest.bundleID), "threads": .integer(threads),
            "rounds": .integer(plan.rounds), "warmup": .integer(plan.warmup),
        ]
        if let units { header["compute_units"] = .text(units.rawValue) }
        return .object(header)
    }

    /// What a result says of where it was taken.
    func context(_ engine: any Engine.Type) -> JSON {
        let suggested = Set(bundle.manifest.targets[engine.target]?.graphs.values.map(\.computeUnits.rawValue) ?? [])
        return [
            "bundle_id": .text(bundle.manifest.bundleID), "target": .text(engine.target),
            "runtime": .text(engine.runtime), "runtime_version": .text(engine.runtimeVersion),
            "threads": .integer(threads),
            "compute_units": .text(units?.rawValue ?? suggested.sorted().joined(separator: " ")),
            "device": deviceFacts(),
        ]
    }
}
