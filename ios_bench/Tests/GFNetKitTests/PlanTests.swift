import ExecuTorchEngine
import Foundation
import Testing

@testable import GFNetKit
@testable import GFNetWire

/// An engine whose system says where it means to run things.
private final class Planning: PlanningEngine {
    static let target = ExecuTorchEngine.target
    static let runtime = "a test"
    static let runtimeVersion = "1"
    private let engine: ExecuTorchEngine

    init(_ bundle: GFNetBundle) throws { engine = try ExecuTorchEngine(bundle) }

    func bind(_ graph: String, inputs: [String: Tensor], outputs: [String: Tensor]) async throws -> BoundCall {
        try await engine.bind(graph, inputs: inputs, outputs: outputs)
    }

    func imageChanged() {}

    func plan(of graph: String) async throws -> [Placement] {
        [
            Placement(
                kind: "ios16.conv", outputs: ["x"], preferred: .neuralEngine, supported: [.cpu, .neuralEngine],
                cost: 0.75),
            Placement(kind: "gather", outputs: ["y", "z"], preferred: nil, supported: [], cost: nil),
        ]
    }
}

@Suite struct PlanTests {
    @Test(arguments: [nil, "cpu"])
    func aPlanSaysWhereEachOperatorOfAGraphIsToRun(units: String?) async throws {
        let folder = try Bundles.open("recurrent").folder
        let chosen = units.flatMap(Manifest.GraphFile.ComputeUnits.init)
        let loaded = try await Loaded(folder, threads: 1, chosen) { bundle, _, _ in
            try await Session(bundle, engine: Planning(bundle))
        }
        let plan: JSON = [
            "bundle_id": .text(loaded.bundle.manifest.bundleID), "graph": "glance",
            "compute_units": .text(units ?? "all"),
            "operators": [
                [
                    "kind": "ios16.conv", "outputs": ["x"], "preferred": "neural_engine",
                    "supported": ["cpu", "neural_engine"], "cost": 0.75,
                ],
                ["kind": "gather", "outputs": ["y", "z"], "preferred": nil, "supported": [], "cost": nil],
            ],
        ]
        #expect(try await loaded.plan(of: "glance", Planning.self) == plan)
        #expect(try await loaded.plans(Planning.self).count == loaded.bundle.manifest.graphs.count)
    }

    @Test func anEngineWithoutAPlanSaysSo() async throws {
        let session = try await Bundles.session("recurrent")
        await #expect(throws: GFNetError.input("target 'executorch' has no compute plan; Core ML has")) {
            try await session.plan(of: "glance")
        }
    }
}
