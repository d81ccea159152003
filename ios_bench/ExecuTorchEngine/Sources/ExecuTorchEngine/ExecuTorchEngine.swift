import ExecuTorch
import Foundation
import GFNetKit

/// Runs the graphs of target `executorch` through ExecuTorch's own Swift package.
///
/// Read against that package's sources, never compiled by us: we had no Mac. Threads are ExecuTorch's own affair there.
public final class ExecuTorchEngine: Engine {
    public static let target = "executorch"
    public static let runtime = "executorch"
    public static let runtimeVersion = "1.5.1"

    private let files: [String: Manifest.GraphFile]
    private let modules: Modules

    /// Checks the bundle's files and loads every graph. Throws ``GFNetError/input(_:)`` for files that were altered, or
    /// that ExecuTorch cannot load.
    public init(_ bundle: GFNetBundle) throws {
        files = try bundle.target(Self.target).graphs
        try bundle.checkFiles(of: Self.target)
        modules = try Modules(bundle, files)
    }

    public func bind(
        _ graph: String, inputs: [String: GFNetKit.Tensor], outputs: [String: GFNetKit.Tensor]
    ) async throws -> BoundCall {
        guard let file = files[graph], let module = modules.byPath[file.path] else {
            throw GFNetError.input("no graph '\(graph)' in the bundle")
        }
        let call = try Call(graph, file, module, inputs: inputs, outputs: outputs)
        return .immediate { try call.run() }
    }

    public func imageChanged() {}
}

/// One module per file; several graphs may be methods of one. A session makes one call at a time.
private final class Modules: @unchecked Sendable {
    private(set) var byPath: [String: Module] = [:]

    init(_ bundle: GFNetBundle, _ files: [String: Manifest.GraphFile]) throws {
        for (graph, file) in files {
            let module = byPath[file.path] ?? Module(filePath: bundle.url(of: file.path).path)
            byPath[file.path] = module
            do {
                try module.load(file.entry)
            } catch {
                throw GFNetError.input(
                    "graph '\(graph)': ExecuTorch cannot load \(file.path): \(error.localizedDescription)")
            }
        }
    }
}

private final class Call: @unchecked Sendable {
    private let graph: String
    private let module: Module
    private let method: String
    /// over the registers' own memory
    private let inputs: [Value]
    private let outputs: [GFNetKit.Tensor]
    /// what `inputs` point into
    private let memory: [GFNetKit.Tensor]

    init(
        _ graph: String, _ file: Manifest.GraphFile, _ module: Module, inputs: [String: GFNetKit.Tensor],
        outputs: [String: GFNetKit.Tensor]
    ) throws {
        self.graph = graph
        self.module = module
        method = file.entry
        memory = try file.inputs.map { try named($0, inputs, graph) }
        self.outputs = try file.outputs.map { try named($0, outputs, graph) }
        self.inputs = memory.map { tensor in
            Value(
                AnyTensor(
                    bytesNoCopy: tensor.data, shape: tensor.shape, dataType: tensor.dtype.executorch,
                    shapeDynamism: .static))
        }
    }

    func run() throws {
        let found: [Value]
        do {
            found = try module.execute(method, inputs)
        } catch {
            throw GFNetError.failed("graph '\(graph)': ExecuTorch cannot run it: \(error.localizedDescription)")
        }
        guard found.count == outputs.count else {
            throw GFNetError.failed("graph '\(graph)': it gave \(found.count) values, not \(outputs.count)")
        }
        for (value, output) in zip(found, outputs) {
            guard let tensor = value.anyTensor, tensor.dataType == output.dtype.executorch,
                tensor.shape == output.shape
            else { throw GFNetError.failed("graph '\(graph)': what it gave is no \(output.form)") }
            tensor.bytes { pointer, _, _ in
                output.copy(from: UnsafeRawBufferPointer(start: pointer, count: output.bytes))
            }
        }
    }
}

private func named(_ name: String, _ tensors: [String: GFNetKit.Tensor], _ graph: String) throws -> GFNetKit.Tensor {
    guard let tensor = tensors[name] else { throw GFNetError.input("graph '\(graph)': '\(name)' is missing") }
    return tensor
}

extension Dtype {
    fileprivate var executorch: DataType {
        switch self {
        case .float32: .float
        case .float16: .half
        case .int32: .int
        case .uint8: .byte
        }
    }
}
