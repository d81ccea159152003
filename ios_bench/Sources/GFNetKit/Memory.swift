/// The registers' memory, and what a session does with it, looked up once.
struct Memory: Sendable {
    struct Call: Sendable {
        let graph: String
        /// tensor of the graph → memory
        let inputs: [String: Tensor]
        let outputs: [String: Tensor]
    }

    /// Where a step's answer lies after its last call.
    struct Answer: Sendable {
        let logits: Tensor
        let position: Tensor?
        let patchSize: Int?
    }

    let image: Tensor
    /// by step
    let calls: [[Call]]
    let answers: [Answer]
    /// to be filled with zeros before each image
    let zeros: [Tensor]
    /// to be filled with zeros before a stream
    let stream: [Tensor]
    /// by the step that the image before ended with: what the stream left in second places, and the first ones
    let moved: [[(held: Tensor, fresh: Tensor)]]

    private let after: [[String: Tensor]]

    /// bytes: more than the systems of phones let an app have
    private static let most = 1 << 30

    /// For a sound program: its manifest was checked. Throws ``GFNetError/input(_:)`` for registers of more than 1 GiB.
    init(_ program: Manifest) throws {
        let layout = Layout(program)
        func allocated(_ place: Layout.Place) -> Tensor {
            let register = program.registers[place.register]
            return Tensor(register?.dtype ?? .float32, register?.shape ?? [1])
        }
        let image = Layout.Place(register: program.image, isSecond: false)
        let places = layout.places.union([image])
        let bytes = places.reduce(0) { $0 + (program.registers[$1.register]?.bytes ?? 0) }
        guard bytes <= Self.most else {
            throw GFNetError.input(
                "the program's registers need \(bytes >> 20) MiB, more than \(Self.most >> 20); export with a smaller image"
            )
        }
        let tensors = places.reduce(into: [:]) { $0[$1] = allocated($1) }
        self.image = tensors[image] ?? allocated(image)
        calls = layout.steps.map { calls in
            calls.map { call in
                Call(
                    graph: call.graph, inputs: call.inputs.compactMapValues { tensors[$0] },
                    outputs: call.outputs.compactMapValues { tensors[$0] })
            }
        }
        let after = layout.after.map { $0.compactMapValues { tensors[$0] } }
        self.after = after
        answers = zip(program.steps, after).map { step, registers in
            Answer(
                logits: registers[step.logits] ?? allocated(.init(register: step.logits, isSecond: false)),
                position: step.position.flatMap { registers[$0] }, patchSize: step.patchSize)
        }
        func isStream(_ place: Layout.Place) -> Bool { program.registers[place.register]?.lifetime == .stream }
        zeros = tensors.filter { layout.seenFresh.contains($0.key.register) && !$0.key.isSecond && !isStream($0.key) }
            .map(\.value)
        stream = tensors.filter { isStream($0.key) }.map(\.value)
        moved = layout.after.map { places in
            places.values.filter { $0.isSecond && isStream($0) }.compactMap { place in
                guard let held = tensors[place],
                    let fresh = tensors[Layout.Place(register: place.register, isSecond: false)]
                else { return nil }
                return (held, fresh)
            }
        }
    }

    /// A register as a step's last call left it; none if no call uses it.
    func tensor(_ register: String, afterStep step: Int) -> Tensor? { after[step][register] }
}
