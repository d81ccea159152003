/// Where the system means to run an operator of a graph.
public struct Placement: Sendable, Equatable {
    public enum Unit: String, Sendable {
        case cpu, gpu
        case neuralEngine = "neural_engine"
    }

    /// its kind, as the system calls it: `ios16.conv`
    public let kind: String
    /// names of what it computes
    public let outputs: [String]
    /// nil where the system does not say
    public let preferred: Unit?
    /// those that could run it; empty where the system does not say
    public let supported: [Unit]
    /// estimated share of the graph's work, from 0 to 1
    public let cost: Double?

    public init(kind: String, outputs: [String], preferred: Unit?, supported: [Unit], cost: Double?) {
        (self.kind, self.outputs, self.preferred) = (kind, outputs, preferred)
        (self.supported, self.cost) = (supported, cost)
    }
}

/// An engine that runs graphs on several units, and whose system can say on which.
public protocol PlanningEngine: Engine {
    /// One for each operator of a graph, constants left out, in the order of the program.
    ///
    /// Throws ``GFNetError/input(_:)`` if there is no such graph, or if the system is too old to say.
    func plan(of graph: String) async throws -> [Placement]
}

extension Session {
    /// Where the system means to run each operator of a graph, constants left out.
    ///
    /// Throws ``GFNetError/input(_:)`` if there is no such graph, or if the engine or its system cannot say: Core ML can,
    /// from iOS 17.4 and macOS 14.4 on.
    public func plan(of graph: String) async throws -> [Placement] {
        guard let engine = engine as? any PlanningEngine else {
            throw GFNetError.input("target '\(target)' has no compute plan; Core ML has")
        }
        return try await engine.plan(of: graph)
    }
}
