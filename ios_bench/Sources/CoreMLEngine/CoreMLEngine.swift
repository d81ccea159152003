#if canImport(CoreML)
    import CoreML
    import Foundation
    import GFNetKit

    /// Runs the graphs of target `coreml` on the compute units that the manifest suggests for each.
    ///
    /// Packages are compiled on the device, once, and kept from launch to launch; their hashes are checked first. All
    /// graphs load at the same time, those of the glance before others where the system has to choose: a session is
    /// ready as soon as they are there.
    public final class CoreMLEngine: Engine {
        public static let target = "coreml"
        public static let runtime = "Core ML"
        public static var runtimeVersion: String { ProcessInfo.processInfo.operatingSystemVersionString }

        private let models: [String: Task<LoadedModel, any Error>]
        private let images = ImageBuffers()
        /// where predictions block a thread, before iOS 17
        private let queue = DispatchQueue(
            label: "gfnet core ml", qos: .userInitiated, autoreleaseFrequency: .workItem)

        /// Begins to load the bundle's graphs; what is wrong with one is thrown by the session that needs it.
        ///
        /// `computeUnits`: for all graphs, in place of the manifest's. Throws ``GFNetError/input(_:)`` for a bundle
        /// without Core ML graphs.
        public init(_ bundle: GFNetBundle, computeUnits: Manifest.GraphFile.ComputeUnits? = nil) throws {
            let files = try bundle.target(Self.target).graphs
            let first = Set(bundle.manifest.steps[0].calls.map(\.graph))
            var packages: [String: CompiledPackage] = [:]
            var models: [String: Task<LoadedModel, any Error>] = [:]
            for graph in bundle.manifest.graphs {
                guard let file = files[graph] else { continue }
                let priority: TaskPriority = first.contains(graph) ? .userInitiated : .utility
                let package = packages[file.path] ?? CompiledPackage(file.path, of: bundle, priority: priority)
                packages[file.path] = package
                models[graph] = Task(priority: priority) {
                    try await package.loaded { compiled in
                        try await LoadedModel(graph, file, computeUnits ?? file.computeUnits, compiled)
                    }
                }
            }
            self.models = models
        }

        deinit {
            for task in models.values { task.cancel() }
        }

        public func bind(
            _ graph: String, inputs: [String: Tensor], outputs: [String: Tensor]
        ) async throws -> BoundCall {
            let loaded = try await loaded(graph)
            let prediction = try Prediction(
                loaded, inputs: inputs, outputs: outputs, images: images, queue: queue)
            return .suspending { try await prediction.run() }
        }

        public func imageChanged() { images.areOutOfDate() }

        /// Waits until it is. Throws ``GFNetError/input(_:)``.
        func loaded(_ graph: String) async throws -> LoadedModel {
            guard let task = models[graph] else { throw GFNetError.input("no graph '\(graph)' in the bundle") }
            return try await task.value
        }
    }

    /// A graph's model in memory. Core ML wants it to be used by one thread at a time: predictions are made one after the
    /// other, by the session that owns the engine, and all else that is asked of it is asked here.
    struct LoadedModel: @unchecked Sendable {
        let graph: String
        let file: Manifest.GraphFile
        let units: Manifest.GraphFile.ComputeUnits
        let compiled: URL
        let model: MLModel
        let description: MLModelDescription

        init(
            _ graph: String, _ file: Manifest.GraphFile, _ units: Manifest.GraphFile.ComputeUnits, _ compiled: URL
        ) async throws {
            (self.graph, self.file, self.units, self.compiled) = (graph, file, units, compiled)
            let configuration = try configuration(graph, file, units)
            do {
                model = try await MLModel.load(contentsOf: compiled, configuration: configuration)
            } catch {
                throw GFNetError.input(
                    "graph '\(graph)': Core ML cannot load \(file.path): \(error.inOneLine); "
                        + "export it for this system (--ios), or on other compute units")
            }
            description = model.modelDescription
        }
    }

    /// How to load a graph. Throws ``GFNetError/input(_:)`` for a function of a package where systems know none.
    func configuration(
        _ graph: String, _ file: Manifest.GraphFile, _ units: Manifest.GraphFile.ComputeUnits
    ) throws -> MLModelConfiguration {
        let configuration = MLModelConfiguration()
        configuration.computeUnits = units.coreML
        if file.entry != "main" {
            guard #available(iOS 18, macOS 15, *) else {
                throw GFNetError.input(
                    "graph '\(graph)' is a function of \(file.path), which needs iOS 18 or macOS 15; "
                        + "export without --multifunction")
            }
            configuration.functionName = file.entry
        }
        return configuration
    }

    extension Manifest.GraphFile.ComputeUnits {
        var coreML: MLComputeUnits {
            switch self {
            case .all: .all
            case .cpuAndNeuralEngine: .cpuAndNeuralEngine
            case .cpuAndGPU: .cpuAndGPU
            case .cpu: .cpuOnly
            }
        }
    }
#endif
