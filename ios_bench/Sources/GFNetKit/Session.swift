import Foundation

/// A bundle, loaded into one engine and ready to run: walks its program over one image at a time, step by step.
///
/// It knows no backbone, no exit head and no number of steps. Registers are allocated once, calls are bound once; then
/// a step is a handful of prepared calls. A session is an actor: use it from anywhere. While it takes the steps of one
/// image, another throws ``GFNetError/busy``.
///
/// ```swift
/// let bundle = try GFNetBundle(named: "demo")
/// let session = try await Session(bundle, engine: CoreMLEngine(bundle))
/// for try await step in session.steps(picture) {
///     if step.confidence > 0.9 { break }  // later steps have cost nothing
/// }
/// ```
public actor Session {
    public nonisolated let bundle: GFNetBundle
    let engine: any Engine
    nonisolated let target: String

    let program: Manifest
    private let memory: Memory
    /// by step; nil until its graphs were needed
    private var calls: [[BoundCall]?]

    /// The image whose steps are being taken. Weak: whoever lets go of its iterator has finished.
    private weak var turn: Turn?
    private var next = 0
    private var elapsedMs = 0.0
    private var graphsMs = 0.0
    /// scratch `[K]`
    private var weights: [Double]
    /// the last step that was taken of any image; the stream lies where it left it
    private var last: Int?

    /// Ready as soon as the glance's graphs are loaded; the other steps' graphs go on loading.
    ///
    /// Throws ``GFNetError/input(_:)`` where the bundle was not exported for this engine, or a graph does not fit it.
    public init<Used: Engine>(_ bundle: GFNetBundle, engine: Used) async throws {
        _ = try bundle.target(Used.target)
        self.bundle = bundle
        self.engine = engine
        target = Used.target
        program = bundle.manifest
        memory = try Memory(program)
        weights = Array(repeating: 0, count: program.classes)
        calls = Array(repeating: nil, count: program.steps.count)
        _ = try await boundCalls(ofStep: 0)
    }

    /// Waits until the graphs of all steps are loaded: for measurements. Steps wait for what they need by themselves.
    public func load() async throws {
        for step in program.steps.indices { _ = try await boundCalls(ofStep: step) }
    }

    /// The steps on one image, each computed when it is asked for. Stop whenever you like.
    ///
    /// Iterating throws ``GFNetError/busy`` while the steps of another image are taken, `CancellationError` between
    /// steps once the task is cancelled, and ``GFNetError/failed(_:)`` where a graph cannot be run.
    public nonisolated func steps(_ image: Prepared) -> Steps { Steps(session: self) { image } }

    /// The same for a picture, which is prepared first; iterating throws ``GFNetError/input(_:)`` where it cannot be.
    public nonisolated func steps(_ picture: Picture) -> Steps {
        Steps(session: self) { try picture.prepared(for: self.bundle.manifest.preprocessing) }
    }

    /// The answer: the step at which the exit rule, or one of the limits of ``stopping(rule:threshold:maxSteps:deadlineMs:expectedMs:)``,
    /// ends the sequence. Throws as ``steps(_:)-swift.method`` does.
    public func classify(
        _ image: Prepared, rule: String? = nil, threshold: Double? = nil, maxSteps: Int? = nil,
        deadlineMs: Double? = nil, expectedMs: [Double] = []
    ) async throws -> Step {
        let stopping = try stopping(
            rule: rule, threshold: threshold, maxSteps: maxSteps, deadlineMs: deadlineMs, expectedMs: expectedMs)
        let turn = Turn(image)
        try begin(turn)
        var answer = try await take(turn)
        while let step = answer, !stopping(step), let following = try await take(turn) { answer = following }
        guard let answer else { throw GFNetError.failed("a program without steps") }
        self.turn = nil
        return answer
    }

    /// The same for a picture, which is prepared first.
    public func classify(
        _ picture: Picture, rule: String? = nil, threshold: Double? = nil, maxSteps: Int? = nil,
        deadlineMs: Double? = nil, expectedMs: [Double] = []
    ) async throws -> Step {
        try await classify(
            picture.prepared(for: program.preprocessing), rule: rule, threshold: threshold, maxSteps: maxSteps,
            deadlineMs: deadlineMs, expectedMs: expectedMs)
    }

    /// Forgets the stream: what a video model carries from frame to frame. Throws ``GFNetError/busy`` amid an image.
    public func reset() throws {
        guard turn == nil else { throw GFNetError.busy }
        for tensor in memory.stream { tensor.fillWithZeros() }
    }

    /// A register as the last call left it; none if no call uses it.
    func register(_ name: String) -> Tensor? { last.flatMap { memory.tensor(name, afterStep: $0) } }
}

// MARK: - One image's steps

/// The right to take the steps of one image, as long as somebody holds it.
final class Turn: Sendable {
    let image: Prepared

    init(_ image: Prepared) { self.image = image }
}

extension Session {
    func begin(_ turn: Turn) throws {
        guard self.turn == nil else { throw GFNetError.busy }
        guard turn.image.size == program.preprocessing.size else {
            throw GFNetError.input(
                "an image of \(turn.image.size) pixels; the bundle takes \(program.preprocessing.size)")
        }
        turn.image.write(to: memory.image)
        engine.imageChanged()
        self.turn = turn
        beginWithImageInPlace()
    }

    /// Until ``release(_:)``, whoever asks for steps is told that the session is busy. Throws ``GFNetError/busy`` itself.
    func hold(_ image: Prepared) throws -> Turn {
        guard turn == nil else { throw GFNetError.busy }
        let turn = Turn(image)
        self.turn = turn
        return turn
    }

    func release(_ turn: Turn) { if self.turn === turn { self.turn = nil } }

    private func beginWithImageInPlace() {
        (next, elapsedMs, graphsMs) = (0, 0, 0)
        for tensor in memory.zeros { tensor.fillWithZeros() }
        if let last { for (held, fresh) in memory.moved[last] { fresh.copy(from: held) } }
    }

    /// The next step; nil after the last, and where the turn is over. Inlined, as what it calls: between small graphs the
    /// frames of asynchronous functions can be seen.
    @inline(__always)
    func take(_ turn: Turn) async throws -> Step? {
        guard self.turn === turn else { return nil }
        guard next < program.steps.count else {
            self.turn = nil
            return nil
        }
        do {
            try Task.checkCancellation()
            return try await makeStep(turn.image)
        } catch {
            self.turn = nil
            throw error
        }
    }

    /// For measurements: from the image of the last ``classify(_:rule:threshold:maxSteps:deadlineMs:expectedMs:)``,
    /// in its place, to the answer of step `last`, exit rule included. Milliseconds, and what the calls took of them.
    package func walk(to last: Int, _ stopping: Stopping, _ image: Prepared) async throws -> (
        ms: Double, graphsMs: Double
    ) {
        let start = Moment.now
        let turn = try hold(image)
        defer { release(turn) }
        beginWithImageInPlace()
        var decided = 0  // so that the decision is not optimised away
        while let step = try await take(turn) {
            decided += stopping(step) ? 1 : 0
            if step.index == last { return (Moment.now.milliseconds(since: start), step.graphsMs) }
        }
        throw GFNetError.input("step \(last) is not among the \(program.steps.count) steps; \(decided) would stop")
    }

    /// A call of a client's own, on its own tensors.
    package func bind(_ graph: String, inputs: [String: Tensor], outputs: [String: Tensor]) async throws -> BoundCall {
        guard turn == nil else { throw GFNetError.busy }
        engine.imageChanged()
        return try await engine.bind(graph, inputs: inputs, outputs: outputs)
    }

    package func bindAlone(_ call: Manifest.Call) async throws -> BoundAlone {
        try await BoundAlone(call, program, engine)
    }

    @inline(__always)
    private func makeStep(_ image: Prepared) async throws -> Step {
        let start = Moment.now
        let index = next
        var before = start
        var spentMs = graphsMs
        for call in try await boundCalls(ofStep: index) {
            try await call()
            let after = Moment.now
            spentMs += after.milliseconds(since: before)
            before = after
        }
        let answer = memory.answers[index]
        last = index
        let logits = answer.logits.floats
        let (probabilities, label) = try softmax(logits, &weights)
        let position = answer.position.map { Position(row: $0.integer(at: 0), column: $0.integer(at: 1)) }
        next = index + 1
        graphsMs = spentMs
        elapsedMs += Moment.now.milliseconds(since: start)
        return Step(
            index: index, logits: logits, probabilities: probabilities, confidence: probabilities[label], label: label,
            name: program.labels?[label], position: position, patchSize: answer.patchSize,
            region: image.region(position, side: answer.patchSize), elapsedMs: elapsedMs, graphsMs: spentMs)
    }

    @inline(__always)
    private func boundCalls(ofStep step: Int) async throws -> [BoundCall] {
        if let bound = calls[step] { return bound }
        var bound: [BoundCall] = []
        for call in memory.calls[step] {
            bound.append(
                call.graph == Manifest.crop
                    ? .immediate(try Crop(inputs: call.inputs, outputs: call.outputs).callAsFunction)
                    : try await engine.bind(call.graph, inputs: call.inputs, outputs: call.outputs))
        }
        calls[step] = bound
        return bound
    }
}
