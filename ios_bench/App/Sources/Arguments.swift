import Foundation
import GFNetKit

/// What the app was started with, so that a measurement needs no touch:
/// `--bench demo.gfnet --run NAME [--rounds 100] [--compute-units all,cpu]`, or `--serve 5390`.
struct Arguments {
    let values: [String: String]

    init(_ arguments: [String] = ProcessInfo.processInfo.arguments) {
        var values: [String: String] = [:]
        for (name, value) in zip(arguments, arguments.dropFirst()) where name.hasPrefix("--") {
            values[String(name.dropFirst(2))] = value
        }
        self.values = values
    }

    var bundle: String? { values["bench"] }
    var run: String { values["run"] ?? "run" }
    var rounds: Int { values["rounds"].flatMap(Int.init) ?? 100 }
    var port: UInt16? { values["serve"].flatMap(UInt16.init) }

    /// All four where none are named. Throws ``GFNetError/input(_:)`` for a name that is none.
    func computeUnits() throws -> [Manifest.GraphFile.ComputeUnits] {
        let all: [Manifest.GraphFile.ComputeUnits] = [.all, .cpuAndNeuralEngine, .cpuAndGPU, .cpu]
        guard let names = values["compute-units"] else { return all }
        return try names.split(separator: ",").map { name in
            guard let units = Manifest.GraphFile.ComputeUnits(rawValue: String(name)) else {
                throw GFNetError.input("--compute-units \(name): all, cpu_and_ne, cpu_and_gpu or cpu")
            }
            return units
        }
    }
}

/// The app's documents, which file sharing shows: `bundles` to read, `results` to write.
enum Folders {
    static let documents = FileManager.default.urls(for: .documentDirectory, in: .userDomainMask)[0]
    static let bundles = documents.appendingPathComponent("bundles")
    static let results = documents.appendingPathComponent("results")

    static func make() throws {
        for folder in [bundles, results] {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }
    }

    static func bundleNames() -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: bundles.path)) ?? []
        return names.filter { $0.hasSuffix(".gfnet") }.sorted()
    }
}
