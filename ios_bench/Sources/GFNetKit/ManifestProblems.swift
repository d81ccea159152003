/// elements; a 4096 x 4096 image in RGB has fewer
private let largestRegister = 1 << 26

extension Manifest {
    /// Everything a session would otherwise trip over, first things first.
    var problems: [String] {
        let described =
            registerProblems + steps.indices.flatMap(problems(ofStep:))
        if !described.isEmpty { return described }  // what follows takes the program for sound
        return targets.sorted { $0.key < $1.key }.flatMap { problems(ofTarget: $0.key, $0.value) } + lengthProblems
    }

    private var registerProblems: [String] {
        var found: [String] = []
        let size = preprocessing.size
        if let register = registers[image], register.shape != [1, 3, size, size] || register.dtype != .float32 {
            found.append("register '\(image)': must be float32 [1, 3, \(size), \(size)] as in preprocessing")
        }
        if preprocessing.resize < size {
            found.append("preprocessing: resize \(preprocessing.resize) is smaller than size \(size)")
        }
        for (name, register) in registers {
            // each extent is below 2^31 and the product stops above 2^26: no overflow
            let elements = register.shape.reduce(1) { $0 > largestRegister ? $0 : $0 * $1 }
            if register.shape[0] != 1 || elements > largestRegister {
                found.append(
                    "register '\(name)': shape \(register.shape) must be [1, ...] with at most \(largestRegister) elements"
                )
            }
        }
        return found
    }

    private func problems(ofStep number: Int) -> [String] {
        let step = steps[number]
        let graphs = step.calls.map(\.graph)
        var found = Set(graphs).count == graphs.count ? [] : ["step \(number): calls one graph twice"]
        for call in step.calls { found += problems(of: call, place: "step \(number), graph '\(call.graph)'") }
        let written = Set(step.calls.flatMap(\.outputs.values))
        if let logits = registers[step.logits], written.contains(step.logits) {
            let first = registers[steps[0].logits]
            if logits.dtype != .float32 || logits.shape.count != 2 || logits.shape != first?.shape {
                found.append("step \(number): logits '\(step.logits)' must be float32 [1, K] with one K for all steps")
            }
        } else {
            found.append("step \(number): no call writes its logits '\(step.logits)'")
        }
        if (step.position == nil) != (step.patchSize == nil) {
            found.append("step \(number): position and patch_size go together")
        }
        if let position = step.position {
            if let register = registers[position], written.contains(position) {
                if !register.isPosition {
                    found.append("step \(number): position '\(position)' must be int32 [1, 2]")
                }
            } else {
                found.append("step \(number): no call writes its position '\(position)'")
            }
        }
        if let side = step.patchSize, side > preprocessing.size {
            found.append("step \(number): patch_size \(side) is larger than the image")
        }
        return found
    }

    private func problems(of call: Call, place: String) -> [String] {
        for (tensor, name) in Array(call.inputs) + Array(call.outputs) where registers[name] == nil {
            return ["\(place): '\(tensor)' names register '\(name)', which is not declared"]
        }
        var found: [String] = []
        if Set(call.outputs.values).count != call.outputs.count {
            found.append("\(place): two outputs write one register")
        }
        if call.outputs.values.contains(image) { found.append("\(place): writes the input register '\(image)'") }
        if call.graph == Self.crop, let problem = cropProblem(call) { found.append("\(place): \(problem)") }
        return found
    }

    private func cropProblem(_ call: Call) -> String? {
        guard Set(call.inputs.keys) == ["image", "position"], Set(call.outputs.keys) == ["patch"],
            let image = call.inputs["image"].flatMap({ registers[$0] }),
            let position = call.inputs["position"].flatMap({ registers[$0] }),
            let patch = call.outputs["patch"].flatMap({ registers[$0] })
        else { return "takes image and position and gives patch" }
        if !position.isPosition { return "needs an int32 [1, 2] position" }
        let fits = Crop.fits(patch.dtype, patch.shape, into: image.dtype, image.shape)
        return fits ? nil : "cannot cut \(patch.shape) out of \(image.shape)"
    }

    private func problems(ofTarget name: String, _ target: Target) -> [String] {
        var found: [String] = []
        for graph in graphs {
            guard let file = target.graphs[graph] else { return ["target '\(name)': graph '\(graph)' is missing"] }
            let place = "target '\(name)', graph '\(graph)'"
            if files(of: file.path).isEmpty { found.append("\(place): \(file.path) is not among the files") }
            for call in steps.flatMap(\.calls) where call.graph == graph {
                if call.inputs.keys.sorted() != file.inputs.sorted()
                    || call.outputs.keys.sorted() != file.outputs.sorted()
                {
                    return ["\(place): its tensors are not those of the program's call"]
                }
                if file.pictures.contains(where: { call.inputs[$0] != image }) {
                    return ["\(place): only the image can be a picture"]
                }
            }
        }
        if let probes = target.probes, files[probes] == nil {
            found.append("target '\(name)': \(probes) is not among the files")
        }
        for rule in target.rules.keys where rules[rule] == nil {
            found.append("target '\(name)': rule '\(rule)' is not among the bundle's")
        }
        for graph in target.graphs.keys where !graphs.contains(graph) {
            found.append("target '\(name)': no step calls graph '\(graph)'")
        }
        return found
    }

    private var lengthProblems: [String] {
        var found: [String] = []
        if let labels, labels.count != classes { found.append("labels: \(labels.count) for \(classes) classes") }
        if let multiplyAdds, multiplyAdds.count != steps.count {
            found.append("multiply_adds: \(multiplyAdds.count) for \(steps.count) steps")
        }
        if rules[defaultRule] == nil { found.append("default_rule '\(defaultRule)' is not among the rules") }
        for (name, rule) in Array(rules) + targets.values.flatMap({ Array($0.rules) })
        where rule.thresholds.count != steps.count - 1 || rule.temperature.count != steps.count {
            found.append("rule '\(name)': must have a temperature per step and one threshold fewer")
        }
        for (name, rule) in Array(rules) + targets.values.flatMap({ Array($0.rules) }) {
            let times = rule.calibration?.stepMs ?? []
            if !times.isEmpty, times.count != steps.count {
                found.append("rule '\(name)': \(times.count) step_ms for \(steps.count) steps")
            }
        }
        if files[goldenPath] == nil { found.append("golden: \(goldenPath) is not among the files") }
        return found
    }
}

extension Manifest.Register {
    fileprivate var isPosition: Bool { dtype == .int32 && shape == [1, 2] }
}
