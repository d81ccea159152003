/// What runs a target's graphs: loaded once, bound to memory, then called as often as you like.
///
/// An engine belongs to one ``Session``, which makes one call at a time.
public protocol Engine: AnyObject, Sendable {
    /// The manifest's name of what this engine runs: `coreml` or `executorch`.
    static var target: String { get }
    /// The runtime's name, for results.
    static var runtime: String { get }
    static var runtimeVersion: String { get }

    /// Prepares one call of a graph: each time it is made it reads `inputs` and writes `outputs`, in place.
    ///
    /// No tensor is both. Waits until the graph is loaded. Throws ``GFNetError/input(_:)`` if the graph cannot be
    /// loaded, or if the tensors are not those that it takes and gives.
    func bind(_ graph: String, inputs: [String: Tensor], outputs: [String: Tensor]) async throws -> BoundCall

    /// Another image lies in the input register; what was made of the one before is out of date.
    func imageChanged()
}

/// One call, bound. Throws ``GFNetError/failed(_:)`` where the runtime gives up.
public enum BoundCall: Sendable {
    /// Done when it returns: it runs where its session runs.
    case immediate(@Sendable () throws -> Void)
    /// Suspends its session until it is done.
    case suspending(@Sendable () async throws -> Void)
}

extension BoundCall {
    /// Makes the call, on the caller's thread where it can be.
    @inline(__always)
    package func callAsFunction(isolation: isolated (any Actor)? = #isolation) async throws {
        switch self {
        case .immediate(let run): try run()
        case .suspending(let run): try await run()
        }
    }
}
