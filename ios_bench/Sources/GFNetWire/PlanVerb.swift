import GFNetKit

extension WireServer {
    func plan(_ request: Request, _ client: Connection) async throws {
        _ = try request.arguments(with: [])
        guard engine is any PlanningEngine.Type else {
            throw WireError(.verb, "no verb 'plan': \(engine.runtime) has one unit to run on")
        }
        let loaded = try loadedOrRefusal()
        let graphs = loaded.bundle.manifest.graphs
        for graph in graphs {
            let plan = try await loaded.plan(of: graph, engine)
            try client.answer(request, plan, more: graph != graphs.last)
        }
    }
}

extension Loaded {
    func plans(_ engine: any Engine.Type) async throws -> [JSON] {
        var plans: [JSON] = []
        for graph in bundle.manifest.graphs { plans.append(try await plan(of: graph, engine)) }
        return plans
    }

    /// Where each operator of a graph is to run.
    func plan(of graph: String, _ engine: any Engine.Type) async throws -> JSON {
        let suggested = bundle.manifest.targets[engine.target]?.graphs[graph]?.computeUnits
        return [
            "bundle_id": .text(bundle.manifest.bundleID), "graph": .text(graph),
            "compute_units": (units ?? suggested).map { .text($0.rawValue) } ?? .null,
            "operators": .list(try await session.plan(of: graph).map(\.json)),
        ]
    }
}

extension Placement {
    var json: JSON {
        [
            "kind": .text(kind), "outputs": .list(outputs.map(JSON.text)),
            "preferred": preferred.map { .text($0.rawValue) } ?? .null,
            "supported": .list(supported.map { .text($0.rawValue) }), "cost": cost.map(JSON.number) ?? .null,
        ]
    }
}
