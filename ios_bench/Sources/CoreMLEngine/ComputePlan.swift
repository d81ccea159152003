#if canImport(CoreML)
    import CoreML
    import GFNetKit

    extension CoreMLEngine: PlanningEngine {
        public func plan(of graph: String) async throws -> [Placement] {
            guard #available(iOS 17.4, macOS 14.4, *) else {
                throw GFNetError.input("compute plans need iOS 17.4 or macOS 14.4; here is \(Self.runtimeVersion)")
            }
            let loaded = try await loaded(graph)
            let configuration = try configuration(graph, loaded.file, loaded.units)
            let plan: MLComputePlan
            do {
                plan = try await MLComputePlan.load(contentsOf: loaded.compiled, configuration: configuration)
            } catch {
                throw GFNetError.failed("graph '\(graph)': Core ML has no plan of it: \(error.inOneLine)")
            }
            guard case .program(let program) = plan.modelStructure,
                let function = program.functions[loaded.file.entry]
            else {
                throw GFNetError.failed("graph '\(graph)': Core ML finds no function '\(loaded.file.entry)' in it")
            }
            return placements(in: function.block, plan)
        }
    }

    @available(iOS 17.4, macOS 14.4, *)
    private func placements(in block: MLModelStructure.Program.Block, _ plan: MLComputePlan) -> [Placement] {
        block.operations.flatMap { operation -> [Placement] in
            // "const", or "ios16.const": nothing is computed
            if operation.operatorName.split(separator: ".").last == "const" { return [] }
            let usage = plan.deviceUsage(for: operation)
            let own = Placement(
                kind: operation.operatorName, outputs: operation.outputs.map(\.name),
                preferred: usage.flatMap { unit($0.preferred) }, supported: usage?.supported.compactMap(unit) ?? [],
                cost: plan.estimatedCost(of: operation)?.weight)
            return [own] + operation.blocks.flatMap { placements(in: $0, plan) }
        }
    }

    @available(iOS 17, macOS 14, *)
    private func unit(_ device: MLComputeDevice) -> Placement.Unit? {
        switch device {
        case .cpu: .cpu
        case .gpu: .gpu
        case .neuralEngine: .neuralEngine
        @unknown default: nil
        }
    }
#endif
