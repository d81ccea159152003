/// A bundle's `manifest.json`: the program, the graphs of each target, the exit rules. `docs/bundle.md` explains it.
public struct Manifest: Sendable, Equatable {
    /// A tensor that outlives a call.
    public struct Register: Sendable, Equatable {
        public enum Initial: String, Sendable, CaseIterable { case zeros, input }
        public enum Lifetime: String, Sendable, CaseIterable { case image, stream }

        /// `[1, …]`
        public let shape: [Int]
        public let dtype: Dtype
        public let initial: Initial
        /// `stream`: lives on from image to image
        public let lifetime: Lifetime

        public var elements: Int { shape.reduce(1, *) }
        public var bytes: Int { elements * dtype.size }
    }

    /// One graph, run once. All inputs are read before any output is written.
    public struct Call: Sendable, Equatable {
        public let graph: String
        /// tensor of the graph → register
        public let inputs: [String: String]
        public let outputs: [String: String]
    }

    public struct Step: Sendable, Equatable {
        public let calls: [Call]
        /// register, float32 `[1, K]`
        public let logits: String
        /// register, int32 `[1, 2]`: row and column of the patch's top-left pixel; none at the glance
        public let position: String?
        /// side of the square patch, pixels
        public let patchSize: Int?
    }

    public struct Preprocessing: Sendable, Equatable {
        public enum Filter: String, Sendable, CaseIterable { case bilinear, bicubic }

        /// side S of the square image, pixels
        public let size: Int
        /// length of the short side before the crop, pixels
        public let resize: Int
        public let filter: Filter
    }

    /// Where a target keeps a graph.
    public struct GraphFile: Sendable, Equatable {
        public enum ComputeUnits: String, Sendable, CaseIterable {
            case all
            case cpuAndNeuralEngine = "cpu_and_ne"
            case cpuAndGPU = "cpu_and_gpu"
            case cpu
        }
        public enum Compression: String, Sendable, CaseIterable {
            case none, fp16, int8, palette4, palette6, palette8
        }

        public let path: String
        /// the function of a Core ML package, or the method of an ExecuTorch program
        public let entry: String
        /// in the order of positional arguments
        public let inputs: [String]
        public let outputs: [String]
        /// tensor → what the file calls it
        public let names: [String: String]
        /// inputs that the file takes as a colour picture of 8 bits a channel
        public let pictures: [String]
        public let computeUnits: ComputeUnits
        public let compression: Compression
        /// largest difference from the eager model, relative to the tensor's largest value
        public let tolerance: Double
    }

    public struct Target: Sendable, Equatable {
        public let graphs: [String: GraphFile]
        public let probes: String?
        /// found anew for this target, in place of the bundle's
        public let rules: [String: ExitRule]

        /// Is nothing compressed, so that positions must be equal?
        public var isExact: Bool { graphs.values.allSatisfy { $0.compression == .none } }
    }

    public struct FileEntry: Sendable, Equatable {
        public let sha256: String
        public let bytes: Int
    }

    public let name: String
    public let bundleID: String
    /// hash of the checkpoint that the graphs were exported from
    public let checkpoint: String
    public let preprocessing: Preprocessing
    public let registers: [String: Register]
    public let steps: [Step]
    public let targets: [String: Target]
    public let labels: [String]?
    public let rules: [String: ExitRule]
    public let defaultRule: String
    /// of an image that leaves at each step, if the exporter counted them
    public let multiplyAdds: [Int]?
    public let goldenPath: String
    public let goldenCount: Int
    public let files: [String: FileEntry]

    /// The register that takes the image, float32 `[1, 3, S, S]` from 0 to 1.
    public let image: String
    /// K
    public var classes: Int { registers[steps[0].logits]?.shape.last ?? 0 }

    /// The call that is no graph: the session itself cuts `patch` out of `image` at `position`.
    public static let crop = "crop"
}

extension Manifest {
    /// Names of all graphs that the program calls, in the order of their first call.
    public var graphs: [String] {
        var found: [String] = []
        for call in steps.flatMap(\.calls) where call.graph != Self.crop && !found.contains(call.graph) {
            found.append(call.graph)
        }
        return found
    }

    /// The exit rule of that name for a target; the default where none is given. Throws ``GFNetError/input(_:)``.
    public func rule(_ name: String? = nil, target: String) throws -> ExitRule {
        let wanted = name ?? defaultRule
        guard let rule = targets[target]?.rules[wanted] ?? rules[wanted] else {
            throw GFNetError.input(
                "no exit rule '\(wanted)'; the bundle has \(rules.keys.sorted().joined(separator: ", "))")
        }
        return rule
    }

    /// The files of a graph: itself, or all below a package folder.
    func files(of path: String) -> [String] {
        files[path] != nil ? [path] : files.keys.filter { $0.hasPrefix(path + "/") }.sorted()
    }
}
