import Foundation
import GFNetKit

extension WireServer {
    func loadedOrRefusal() throws -> Loaded {
        guard let loaded else { throw WireError(.state, "no bundle is loaded; load one first") }
        return loaded
    }

    func hello(_ request: Request, _ client: Connection) async throws {
        _ = try request.arguments(with: [])
        var found: [String: JSON] = [:]
        for name in (try? FileManager.default.contentsOfDirectory(atPath: bundles.path)) ?? [] {
            // `load` says what is wrong with one that is left out
            guard let bundle = try? GFNetBundle(contentsOf: bundles.appendingPathComponent(name)),
                (try? bundle.target(engine.target)) != nil
            else { continue }
            found[name] = .text(bundle.manifest.bundleID)
        }
        try client.answer(
            request,
            [
                "server": "gfnet-swift", "version": .text(version), "protocol": [1], "target": .text(engine.target),
                "runtime": .text(engine.runtime), "runtime_version": .text(engine.runtimeVersion),
                "compute_units": .list(computeUnits.map { .text($0.rawValue) }),
                "limits": [
                    "header_bytes": .integer(Wire.largestHeader), "body_bytes": .integer(Wire.largestBody),
                    "idle_s": .integer(Wire.idleSeconds), "frame_s": .integer(Wire.frameSeconds),
                ],
                "bundles": .object(found), "device": deviceFacts(), "conditions": .object(conditions()),
            ])
    }

    func load(_ request: Request, _ client: Connection) async throws {
        let canChoose = computeUnits.count > 1
        let member = try request.arguments(with: ["bundle", "threads"] + (canChoose ? ["compute_units"] : []))
        let name = try member("bundle").name()
        let threads = try member.optional("threads")?.integer(1...256) ?? 1
        let units =
            canChoose
            ? try member.optional("compute_units")?.oneOf(Manifest.GraphFile.ComputeUnits.self) : computeUnits.first
        loaded = nil
        registers = WireRegisters()
        let loaded = try await load(bundles.appendingPathComponent(name), threads: threads, units)
        self.loaded = loaded
        try client.answer(
            request, ["bundle_id": .text(loaded.bundle.manifest.bundleID), "load_ms": .number(loaded.loadMs)])
    }

    func run(_ request: Request, _ client: Connection) async throws {
        let member = try request.arguments(with: ["calls", "zero", "return"])
        let calls = try member.optional("calls")?.list(0...Int.max, Manifest.Call.init) ?? []
        let zero = try member.optional("zero")?.list { try $0.text() } ?? []
        let wanted = try member.optional("return")?.list { try $0.text() } ?? []
        let loaded = try loadedOrRefusal()
        for (name, tensor) in request.tensors { try registers.keep(tensor, as: name) }
        for name in zero { try registers.at(name).fillWithZeros() }
        var times: [JSON] = []
        for call in calls {
            let (outputs, ms) = try await registers.run(call, loaded.bundle.manifest, loaded.session)
            for (name, tensor) in outputs { try registers.keep(tensor, as: name) }
            times.append(.number(ms))
        }
        let returned = try Set(wanted).sorted().map { ($0, try registers.at($0)) }
        guard returned.reduce(0, { $0 + $1.1.bytes }) <= Wire.largestBody else {
            throw WireError(.input, "the registers to return are more than a body holds")
        }
        try client.answer(request, ["ms": .list(times)], returned)
    }

    func steps(_ request: Request, _ client: Connection) async throws {
        let member = try request.arguments(
            with: ["rule", "threshold", "max_steps", "deadline_ms", "expected_ms", "reset"])
        let rule = try member.optional("rule")?.text()
        let threshold = try member.optional("threshold")?.number(0...1)
        let maxSteps = try member.optional("max_steps")?.integer(1...Int.max)
        let deadlineMs = try member.optional("deadline_ms")?.number(0...1e12)
        let expectedMs = try member.optional("expected_ms")?.list { try $0.number(0...1e12) } ?? []
        let reset = try member.optional("reset")?.bool() ?? false
        let loaded = try loadedOrRefusal()
        let stopping = try loaded.session.stopping(
            rule: rule, threshold: threshold, maxSteps: maxSteps, deadlineMs: deadlineMs, expectedMs: expectedMs)
        let manifest = loaded.bundle.manifest
        let image = try request.image(size: manifest.preprocessing.size)
        if reset { try await loaded.session.reset() }
        for try await step in loaded.session.steps(image) {
            let isLast = stopping(step) || step.index == manifest.steps.count - 1
            try client.answer(request, step.json, step.tensors, more: !isLast)
            if isLast { return }
        }
    }

    func verify(_ request: Request, _ client: Connection) async throws {
        _ = try request.arguments(with: [])
        let found = try await loadedOrRefusal().session.verify()
        let rows: [JSON] = found.rows.map { row in
            [
                "mode": .text(row.mode.rawValue), "step": .integer(row.step), "graph": .text(row.graph),
                "tensor": .text(row.tensor), "difference": .number(row.difference), "allowed": .number(row.allowed),
                "ok": .bool(row.isGood),
            ]
        }
        try client.answer(
            request,
            [
                "ok": .bool(found.isGood), "rows": .list(rows),
                "agreement": [
                    "images": .integer(found.images), "labels": .integer(found.labels), "steps": .integer(found.steps),
                ],
            ])
    }
}

extension Request {
    /// The arguments, an object with no other members than these.
    func arguments(with names: [String]) throws -> Members {
        try Field(arguments, place: "arguments").object(names)
    }

    /// The tensor `image`: uint8 `[S, S, 3]` or float32 `[1, 3, S, S]`.
    fileprivate func image(size: Int) throws -> Prepared {
        guard let image = tensors["image"], tensors.count == 1 else {
            throw WireError(.input, "steps takes one tensor, image")
        }
        if image.dtype == .uint8, image.shape == [size, size, 3] {
            return try Prepared(
                pixels: Array(UnsafeRawBufferPointer(start: image.data, count: image.bytes)), size: size)
        }
        if image.dtype == .float32, image.shape == [1, 3, size, size] {
            return try Prepared(values: image.floats, size: size)
        }
        throw WireError(
            .input,
            "an image of \(image.form); the bundle takes uint8 \([size, size, 3]) or float32 \([1, 3, size, size])")
    }
}

extension Step {
    fileprivate var json: JSON {
        [
            "index": .integer(index), "label": .integer(label), "confidence": .number(Double(confidence)),
            "position": position.map { [.integer($0.row), .integer($0.column)] } ?? .null,
            "patch_size": position == nil ? .null : patchSize.map(JSON.integer) ?? .null,
            "elapsed_ms": .number(elapsedMs),
        ]
    }

    fileprivate var tensors: [(String, Tensor)] {
        [("logits", logits), ("probabilities", probabilities)].map { name, values in
            let tensor = Tensor(.float32, [values.count])
            values.withUnsafeBytes { tensor.copy(from: $0) }
            return (name, tensor)
        }
    }
}
