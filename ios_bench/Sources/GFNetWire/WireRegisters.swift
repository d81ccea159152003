import GFNetKit

/// The registers of a client that works step by step: the server's memory, under the client's names.
struct WireRegisters: Sendable {
    private static let most = 1024
    private static let mostBytes = 1 << 30

    private var kept: [String: Tensor] = [:]
    private var bytes = 0

    func at(_ name: String) throws -> Tensor {
        guard let tensor = kept[name] else {
            throw WireError(.input, "register '\(name)' holds nothing yet; write it first")
        }
        return tensor
    }

    mutating func keep(_ tensor: Tensor, as name: String) throws {
        let had = kept[name]?.bytes ?? 0
        guard kept[name] != nil || kept.count < Self.most else { throw WireError(.input, "more than 1024 registers") }
        guard bytes - had + tensor.bytes <= Self.mostBytes else {
            throw WireError(.input, "registers of more than 1 GiB")
        }
        bytes += tensor.bytes - had
        kept[name] = tensor
    }

    /// Makes one call; gives what its registers hold from then on, and its milliseconds.
    ///
    /// Outputs go to memory that no input lies in: so a register may be both.
    func run(
        _ call: Manifest.Call, _ program: Manifest, _ session: Session
    ) async throws -> (outputs: [String: Tensor], ms: Double) {
        let inputs = try call.inputs.mapValues(at)
        if call.graph == Manifest.crop {
            let crop = try Crop(inputs: inputs, outputs: call.outputs.mapValues(at))
            let start = Moment.now
            try crop()
            return ([:], Moment.now.milliseconds(since: start))
        }
        guard let known = program.steps.flatMap(\.calls).first(where: { $0.graph == call.graph }) else {
            throw WireError(.input, "no graph '\(call.graph)' in the bundle")
        }
        var outputs: [String: Tensor] = [:]
        for tensor in call.outputs.keys {
            guard let register = known.outputs[tensor].flatMap({ program.registers[$0] }) else {
                throw WireError(.input, "graph '\(call.graph)': it has no output '\(tensor)'")
            }
            outputs[tensor] = Tensor(register.dtype, register.shape)
        }
        let bound = try await session.bind(call.graph, inputs: inputs, outputs: outputs)
        let start = Moment.now
        try await bound()
        let ms = Moment.now.milliseconds(since: start)
        let named = call.outputs.map { ($1, outputs[$0]) }
        return (Dictionary(named) { _, last in last }.compactMapValues { $0 }, ms)
    }
}
