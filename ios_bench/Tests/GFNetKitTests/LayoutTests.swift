import Testing

@testable import GFNetKit

@Suite struct LayoutTests {
    @Test(arguments: Bundles.kinds + ["demo"])
    func noCallWritesWhatItReads(name: String) throws {
        for call in Layout(try Bundles.open(name).manifest).steps.joined() {
            #expect(Set(call.inputs.values).isDisjoint(with: call.outputs.values))
        }
    }

    @Test func eachCallReadsWhereTheLastOneWrote() throws {
        let program = try Bundles.open("recurrent").manifest
        let layout = Layout(program)
        var written: [String: Layout.Place] = [:]
        for (described, call) in zip(program.steps.flatMap(\.calls), layout.steps.joined()) {
            for (tensor, register) in described.inputs {
                if let place = written[register] { #expect(call.inputs[tensor] == place) }
            }
            for (tensor, register) in described.outputs { written[register] = call.outputs[tensor] }
        }
        #expect(layout.places.contains { $0.isSecond }, "the hidden state alternates")
    }
}
