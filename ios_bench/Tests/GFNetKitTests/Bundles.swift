import ExecuTorchEngine
import Foundation

@testable import GFNetKit

/// The bundles that `tests/test_swift.py` exports: one for each kind of program, and the shipped network.
enum Bundles {
    static let kinds = [
        "recurrent", "cascade", "regnet", "fused", "two_patch_sizes", "builtin_crop", "static", "stream",
    ]

    static func open(_ name: String) throws -> GFNetBundle {
        let folder = ProcessInfo.processInfo.environment[name == "demo" ? "GFNET_DEMO" : "GFNET_CONFORMANCE"] ?? ""
        return try GFNetBundle(contentsOf: URL(fileURLWithPath: folder).appendingPathComponent("\(name).gfnet"))
    }

    static func session(_ name: String) async throws -> Session {
        let bundle = try open(name)
        return try await Session(bundle, engine: ExecuTorchEngine(bundle))
    }

    /// A copy to be changed.
    static func copy(_ name: String) throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let copy = folder.appendingPathComponent("\(name).gfnet")
        try FileManager.default.copyItem(at: open(name).folder, to: copy)
        return copy
    }
}

extension Session {
    /// Noise, the same for the same seed.
    nonisolated func image(_ seed: UInt64 = 1) throws -> Prepared {
        let size = bundle.manifest.preprocessing.size
        var state = seed
        let values = (0..<3 * size * size).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Float(state >> 40) / Float(1 << 24)
        }
        return try Prepared(values: values, size: size)
    }

    nonisolated func all(_ image: Prepared) async throws -> [Step] {
        try await steps(image).reduce(into: []) { $0.append($1) }
    }
}
