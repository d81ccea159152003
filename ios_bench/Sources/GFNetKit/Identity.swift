extension Manifest {
    /// The `bundle_id` that follows from the content: SHA-256 of the canonical JSON of the program, the preprocessing
    /// and the graphs' content.
    var identity: String {
        let document: JSON = [
            "preprocessing": [
                "size": .integer(preprocessing.size), "resize": .integer(preprocessing.resize),
                "filter": .text(preprocessing.filter.rawValue),
            ],
            "registers": .object(registers.mapValues(\.json)),
            "steps": .list(steps.map(\.json)),
            "targets": .object(
                targets.mapValues { target in .object(target.graphs.mapValues { content(of: $0) }) }),
        ]
        return sha256(of: document.utf8(ascii: true))
    }

    private func content(of file: GraphFile) -> JSON {
        var content: [String: JSON] = [:]
        for name in files(of: file.path) {
            let inside = name == file.path ? "" : String(name.dropFirst(file.path.count + 1))
            // a Core ML package's Manifest.json holds identifiers that are drawn anew at each export
            if inside != "Manifest.json" { content[inside] = files[name].map { .text($0.sha256) } }
        }
        return [
            "entry": .text(file.entry), "inputs": .list(file.inputs.map(JSON.text)),
            "outputs": .list(file.outputs.map(JSON.text)), "names": .object(file.names.mapValues(JSON.text)),
            "content": .object(content),
        ]
    }
}

extension Manifest.Register {
    fileprivate var json: JSON {
        [
            "shape": .list(shape.map(JSON.integer)), "dtype": .text(dtype.rawValue),
            "initial": .text(initial.rawValue), "lifetime": .text(lifetime.rawValue),
        ]
    }
}

extension Manifest.Step {
    fileprivate var json: JSON {
        [
            "calls": .list(calls.map(\.json)), "logits": .text(logits),
            "position": position.map(JSON.text) ?? .null, "patch_size": patchSize.map(JSON.integer) ?? .null,
        ]
    }
}

extension Manifest.Call {
    fileprivate var json: JSON {
        [
            "graph": .text(graph), "inputs": .object(inputs.mapValues(JSON.text)),
            "outputs": .object(outputs.mapValues(JSON.text)),
        ]
    }
}
