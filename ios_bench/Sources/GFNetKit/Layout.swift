/// Where in memory each call of the program reads and writes.
///
/// A register that a call both reads and writes (a recurrent state) has two places, and each such call moves it to the
/// other: so no engine writes what it reads, and nothing is copied. The program is a straight line, so where a register
/// lies before each call is known beforehand.
struct Layout {
    struct Place: Hashable {
        let register: String
        let isSecond: Bool
    }

    struct Call {
        let graph: String
        /// tensor of the graph → place
        let inputs: [String: Place]
        let outputs: [String: Place]
    }

    /// by step
    private(set) var steps: [[Call]] = []
    /// after each step: register → its place
    private(set) var after: [[String: Place]] = []
    /// registers whose initial zeros a call can see, since it reads them before any call has written them
    private(set) var seenFresh: Set<String> = []

    init(_ program: Manifest) {
        var current = program.registers.keys.reduce(into: [String: Place]()) {
            $0[$1] = Place(register: $1, isSecond: false)
        }
        var written: Set = [program.image]
        for step in program.steps {
            var calls: [Call] = []
            for call in step.calls {
                let inputs = call.inputs.compactMapValues { current[$0] }
                for register in Set(call.outputs.values).intersection(call.inputs.values) {
                    current[register] = Place(register: register, isSecond: current[register]?.isSecond == false)
                }
                let outputs = call.outputs.compactMapValues { current[$0] }
                calls.append(Call(graph: call.graph, inputs: inputs, outputs: outputs))
                seenFresh.formUnion(Set(call.inputs.values).subtracting(written))
                written.formUnion(call.outputs.values)
            }
            steps.append(calls)
            after.append(current)
        }
    }

    var places: Set<Place> {
        Set(steps.joined().flatMap { Array($0.inputs.values) + Array($0.outputs.values) })
    }
}
