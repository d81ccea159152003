// What the tests ask of the Swift package: the wire's server, and the same questions that they ask of the C++ programs.
import ExecuTorchEngine
import Foundation
import GFNetKit
import GFNetWire

do {
    switch CommandLine.arguments.dropFirst().first {
    case "bench": try await bench(Array(CommandLine.arguments.dropFirst(2)))
    case "decide": try decide(CommandLine.arguments[2], classes: Int(CommandLine.arguments[3]) ?? 0)
    case "prepare": try prepare(Array(CommandLine.arguments.dropFirst(2)))
    case "repeat": try await classify(CommandLine.arguments[2], times: Int(CommandLine.arguments[3]) ?? 0)
    case "serve": try await serve(Array(CommandLine.arguments.dropFirst(2)))
    default: throw GFNetError.input("usage: gfnet-swift bench|decide|prepare|repeat|serve …")
    }
} catch let error as GFNetError {
    FileHandle.standardError.write(Data("error: \(error)\n".utf8))
    exit(2)
}

/// A line, at once: standard output is a pipe.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

/// Standard input holds float32 `[N, T, classes]`; prints the step at which each sequence ends, and all confidences.
func decide(_ rule: String, classes: Int) throws {
    let rule = try ExitRule(Field(JSON(parsing: rule.utf8, place: "the rule"), place: "the rule"))
    let steps = rule.temperature.count
    let logits = FileHandle.standardInput.readDataToEndOfFile().withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    for sequence in stride(from: 0, to: logits.count, by: steps * classes) {
        let values = (0..<steps).map { Array(logits[sequence + $0 * classes..<sequence + ($0 + 1) * classes]) }
        let end = values.indices.first { rule.stops(step: $0, logits: values[$0]) } ?? steps
        say(
            "\(end) " + values.indices.map { "\(rule.confidence(step: $0, logits: values[$0]))" }.joined(separator: " ")
        )
    }
}

/// BUNDLE RESULTS RUN ROUNDS: measures as the app does.
func bench(_ arguments: [String]) async throws {
    let bundle = URL(fileURLWithPath: arguments[0])
    let bench = DeviceBench(bundle: bundle, results: URL(fileURLWithPath: arguments[1])) { bundle, threads, _ in
        try ExecuTorchEngine(bundle, threads: threads)
    }
    try await bench.run(arguments[2], units: [.cpu], rounds: Int(arguments[3]) ?? 1, warmup: 1) { say($0) }
}

/// Takes all steps on a grey image, again and again.
func classify(_ folder: String, times: Int) async throws {
    let bundle = try GFNetBundle(contentsOf: URL(fileURLWithPath: folder))
    let session = try await Session(bundle, engine: ExecuTorchEngine(bundle))
    let size = bundle.manifest.preprocessing.size
    let grey = try Prepared(pixels: Array(repeating: 127, count: 3 * size * size), size: size)
    for _ in 0..<times { _ = try await session.classify(grey, threshold: 1) }
}

/// PICTURE SIZE RESIZE FILTER OUT: writes uint8 `[S, S, 3]`.
func prepare(_ arguments: [String]) throws {
    let described: JSON = [
        "size": .integer(Int(arguments[1]) ?? 0), "resize": .integer(Int(arguments[2]) ?? 0),
        "filter": .text(arguments[3]),
    ]
    let preprocessing = try Manifest.Preprocessing(Field(described, place: "arguments"))
    let prepared = try Prepared(contentsOf: URL(fileURLWithPath: arguments[0]), for: preprocessing)
    try Data(prepared.pixels).write(to: URL(fileURLWithPath: arguments[4]))
}

/// --bundles FOLDER --results FOLDER [--port PORT]
func serve(_ arguments: [String]) async throws {
    func option(_ name: String) -> String? {
        arguments.firstIndex(of: name).flatMap { arguments.indices.contains($0 + 1) ? arguments[$0 + 1] : nil }
    }
    let server = try WireServer(
        bundles: URL(fileURLWithPath: option("--bundles") ?? "."),
        results: URL(fileURLWithPath: option("--results") ?? "."),
        port: option("--port").flatMap(UInt16.init) ?? 0, computeUnits: [.cpu]
    ) { bundle, threads, _ in try ExecuTorchEngine(bundle, threads: threads) }
    say(JSON.object(["listening": .integer(Int(server.port))]).text())
    try await server.serve()
}
