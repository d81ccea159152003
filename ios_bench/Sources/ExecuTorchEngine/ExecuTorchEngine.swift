import Foundation
import GFNetKit

private import CGFNetExecuTorch

/// Runs the graphs of target `executorch` on the CPU, through the C++ core that the Android runner uses.
public final class ExecuTorchEngine: Engine {
    public static let target = "executorch"
    public static let runtime = "executorch"
    public static let runtimeVersion = String(cString: gfnet_executorch_version())

    private let graphs: Graphs

    /// Checks the bundle's files and loads every graph. Threads are a pool that belongs to the process: not two
    /// engines at a time with different numbers.
    ///
    /// Throws ``GFNetError/input(_:)`` for files that were altered, or that ExecuTorch cannot load.
    public init(_ bundle: GFNetBundle, threads: Int = 1) throws {
        graphs = try Graphs(bundle.folder.path, threads: threads)
    }

    public func bind(
        _ graph: String, inputs: [String: Tensor], outputs: [String: Tensor]
    ) async throws -> BoundCall {
        let call = try Call(graphs, graph, inputs: inputs, outputs: outputs)
        return .immediate { try call.run() }
    }

    public func imageChanged() {}
}

/// All graphs of a bundle, loaded. Nothing in it changes after that but what a call writes, and a session makes one
/// call at a time.
private final class Graphs: @unchecked Sendable {
    let handle: OpaquePointer

    init(_ folder: String, threads: Int) throws {
        guard (1...256).contains(threads) else {
            throw GFNetError.input("threads \(threads): must be from 1 to 256")
        }
        var handle: OpaquePointer?
        if let complaint = gfnet_graphs_open(folder, Int32(threads), &handle) {
            throw GFNetError.input(taken(complaint))
        }
        guard let handle else { throw GFNetError.input("\(folder): cannot be loaded") }
        self.handle = handle
    }

    deinit { gfnet_graphs_close(handle) }
}

private final class Call: @unchecked Sendable {
    private let handle: OpaquePointer
    /// what the call reads and writes must live as long as it
    private let graphs: Graphs
    private let tensors: [Tensor]

    init(_ graphs: Graphs, _ graph: String, inputs: [String: Tensor], outputs: [String: Tensor]) throws {
        var handle: OpaquePointer?
        let given = Described(inputs)
        let wanted = Described(outputs)
        let complaint = withExtendedLifetime((given, wanted)) {
            gfnet_call_bind(
                graphs.handle, graph, given.tensors, given.tensors.count, wanted.tensors, wanted.tensors.count,
                &handle)
        }
        if let complaint { throw GFNetError.input(taken(complaint)) }
        guard let handle else { throw GFNetError.input("graph '\(graph)' cannot be bound") }
        self.handle = handle
        self.graphs = graphs
        tensors = Array(inputs.values) + Array(outputs.values)
    }

    deinit { gfnet_call_close(handle) }

    func run() throws {
        if let complaint = gfnet_call_run(handle) { throw GFNetError.failed(taken(complaint)) }
    }
}

/// Tensors as C wants them; names and shapes are freed with this.
private final class Described {
    private(set) var tensors: [gfnet_tensor] = []

    init(_ given: [String: Tensor]) {
        for (name, tensor) in given {
            let shape = UnsafeMutablePointer<Int32>.allocate(capacity: max(tensor.shape.count, 1))
            for (axis, extent) in tensor.shape.enumerated() { shape[axis] = Int32(clamping: extent) }
            let dtype =
                switch tensor.dtype {
                case .float32: gfnet_float32
                case .float16: gfnet_float16
                case .int32: gfnet_int32
                case .uint8: gfnet_uint8
                }
            tensors.append(
                gfnet_tensor(
                    name: strdup(name), dtype: Int32(dtype), shape: shape, rank: tensor.shape.count,
                    data: tensor.data))
        }
    }

    deinit {
        for tensor in tensors {
            free(UnsafeMutableRawPointer(mutating: tensor.name))
            tensor.shape.deallocate()
        }
    }
}

private func taken(_ complaint: UnsafeMutablePointer<CChar>) -> String {
    defer { free(complaint) }
    return String(cString: complaint)
}
