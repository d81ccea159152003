/// Does the engine compute what the eager model computed? The same table as `gfnet-mobile verify`.
public struct Verification: Sendable {
    public enum Mode: String, Sendable { case graph, loop }

    /// One tensor of one step: its largest difference over all golden images.
    public struct Row: Sendable {
        public let mode: Mode
        public let step: Int
        public let graph: String
        public let tensor: String
        /// relative to the tensor's largest golden value; of positions in pixels
        public let difference: Double
        public let allowed: Double

        public var isGood: Bool { difference <= allowed }  // false for NaN
    }

    public let rows: [Row]
    /// golden images; how many of them end with the same label, and after the same number of steps
    public let images: Int
    public let labels: Int
    public let steps: Int

    public var isGood: Bool { rows.allSatisfy(\.isGood) }
}

extension Session {
    /// Compares each graph alone on golden inputs, then the whole loop, with the golden vectors.
    ///
    /// Throws ``GFNetError/input(_:)`` for vectors that do not fit, ``GFNetError/failed(_:)`` where a graph cannot be
    /// run, and ``GFNetError/busy``.
    public func verify() async throws -> Verification {
        let golden = try Golden(of: bundle)
        let target = try bundle.target(target)
        let alone = try await eachAlone(golden, isExact: target.isExact)
        let (loop, labels, steps) = try await wholeLoop(golden, isExact: target.isExact)
        let rows = rows(.graph, alone, target) + (target.isExact ? rows(.loop, loop, target) : [])
        return Verification(rows: rows, images: golden.count, labels: labels, steps: steps)
    }

    private typealias Differences = [Output: Difference]

    private func eachAlone(_ golden: Golden, isExact: Bool) async throws -> Differences {
        let turn = try hold(golden.image(0))
        defer { release(turn) }
        var differences: Differences = [:]
        var bound: [BoundAlone] = []
        for (_, call) in numberedCalls where call.graph != Manifest.crop {
            bound.append(try await BoundAlone(call, program, engine))
        }
        var registers = GoldenRegisters(program, golden)
        for image in 0..<golden.count {
            try registers.begin(image)
            engine.imageChanged()
            var following = bound.makeIterator()
            for (step, call) in numberedCalls {
                guard call.graph != Manifest.crop, let alone = following.next() else {
                    registers.take(step, call)
                    continue
                }
                for (tensor, name) in call.inputs {
                    if let value = registers.values[name] { alone.inputs[tensor]?.copy(from: value) }
                }
                try await alone.call()
                registers.take(step, call)
                compare(step, call, alone.outputs, registers.values, isExact: isExact, &differences)
            }
        }
        return differences
    }

    private func wholeLoop(_ golden: Golden, isExact: Bool) async throws -> (Differences, labels: Int, steps: Int) {
        var differences: Differences = [:]
        var agreement = (labels: 0, steps: 0)
        let goldenRule = try program.rule(target: "")
        let own = try program.rule(target: target)
        try reset()
        var registers = GoldenRegisters(program, golden)
        for image in 0..<golden.count {
            try registers.begin(image)
            var (ends, goldenEnds): (Int?, Int?)
            var (label, goldenLabel): (Int?, Int?)
            let turn = Turn(try golden.image(image))
            try begin(turn)
            while let step = try await take(turn) {
                let calls = program.steps[step.index].calls
                for (number, call) in calls.enumerated() {
                    registers.take(step.index, call)
                    let later = Set(calls[(number + 1)...].flatMap(\.outputs.values))
                    let outputs = call.outputs.filter { !later.contains($0.value) }.compactMapValues(register)
                    compare(step.index, call, outputs, registers.values, isExact: isExact, &differences)
                }
                guard let logits = registers.values[program.steps[step.index].logits]?.floats else { continue }
                if ends == nil, own.stops(step: step.index, logits: step.logits) { ends = step.index }
                if goldenEnds == nil, goldenRule.stops(step: step.index, logits: logits) { goldenEnds = step.index }
                label = step.label
                goldenLabel = logits.indices.max { logits[$0] < logits[$1] }
            }
            agreement.labels += label == goldenLabel ? 1 : 0
            agreement.steps += ends == goldenEnds ? 1 : 0
        }
        return (differences, agreement.labels, agreement.steps)
    }

    /// Positions of compressed graphs may move; what was cut at another place is not compared then.
    private func compare(
        _ step: Int, _ call: Manifest.Call, _ found: [String: Tensor], _ golden: [String: Tensor], isExact: Bool,
        _ differences: inout Differences
    ) {
        let moved = call.outputs.contains { tensor, name in
            guard !isExact, name == program.steps[step].position, let one = found[tensor], let other = golden[name]
            else { return false }
            return (0..<2).contains { one.integer(at: $0) != other.integer(at: $0) }
        }
        for (tensor, name) in call.outputs {
            guard let one = found[tensor], let other = golden[name], !moved || one.dtype == .int32 else { continue }
            differences[Output(step: step, graph: call.graph, tensor: tensor), default: Difference()].take(one, other)
        }
    }

    private func rows(
        _ mode: Verification.Mode, _ differences: Differences, _ target: Manifest.Target
    ) -> [Verification.Row] {
        numberedCalls.flatMap { step, call in
            call.outputs.sorted { $0.key < $1.key }.compactMap { tensor, name in
                let output = Output(step: step, graph: call.graph, tensor: tensor)
                guard let difference = differences[output], let register = program.registers[name] else { return nil }
                let tolerance = target.graphs[call.graph]?.tolerance ?? 0
                let isPosition = register.dtype == .int32
                let pixels = target.isExact ? 0 : max(1, tolerance * Double(program.preprocessing.size))
                return Verification.Row(
                    mode: mode, step: step, graph: call.graph, tensor: tensor,
                    difference: isPosition ? difference.largest : difference.relative,
                    allowed: isPosition ? pixels : tolerance)
            }
        }
    }

    private var numberedCalls: [(Int, Manifest.Call)] {
        program.steps.enumerated().flatMap { step, described in described.calls.map { (step, $0) } }
    }
}

private struct Output: Hashable {
    let step: Int
    let graph: String
    let tensor: String
}

/// The largest difference between two tensors over all images.
private struct Difference {
    private(set) var largest = 0.0
    private var scale = 0.0

    var relative: Double { largest / (scale > 0 ? scale : 1) }

    mutating func take(_ found: Tensor, _ golden: Tensor) {
        for index in 0..<golden.elements {
            let exact = golden.value(at: index)
            let apart = abs(found.value(at: index) - exact)
            if !(apart <= largest), !largest.isNaN { largest = apart }  // NaN stays
            scale = max(scale, abs(exact))
        }
    }
}

/// One call of the program on tensors of its own.
package struct BoundAlone: Sendable {
    package let inputs: [String: Tensor]
    let outputs: [String: Tensor]
    package let call: BoundCall

    package init(_ call: Manifest.Call, _ program: Manifest, _ engine: any Engine) async throws {
        func allocated(_ names: [String: String]) -> [String: Tensor] {
            names.compactMapValues { program.registers[$0] }.mapValues { Tensor($0.dtype, $0.shape) }
        }
        (inputs, outputs) = (allocated(call.inputs), allocated(call.outputs))
        self.call = try await engine.bind(call.graph, inputs: inputs, outputs: outputs)
    }
}
