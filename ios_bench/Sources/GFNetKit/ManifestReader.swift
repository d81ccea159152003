import Foundation

extension Manifest {
    static let schemaVersion = 1

    /// Reads and checks `manifest.json`. Throws ``GFNetError/input(_:)``, one line, for everything that a session would
    /// trip over later, and for a `bundle_id` that does not follow from the content.
    public init(parsing data: some Sequence<UInt8>, place: String) throws {
        let document = try JSON(parsing: data, place: place)
        if case .object(let members) = document, case .integer(let version)? = members["schema_version"],
            version > Self.schemaVersion
        {
            throw GFNetError.input(
                "\(place): made by a newer gfnet-mobile (schema_version \(version)): update GFNetKit")
        }
        try self.init(Field(document, place: place))
        for problem in problems { throw GFNetError.input("\(place): \(problem)") }
        guard bundleID == identity else {
            throw GFNetError.input("\(place): bundle_id does not follow from the content; export again")
        }
    }

    init(_ field: Field) throws {
        let member = try field.object(
            "schema_version", "name", "bundle_id", "checkpoint", "preprocessing", "registers", "steps", "targets",
            "labels", "rules", "default_rule", "multiply_adds", "golden", "files", "tools")
        _ = try member("schema_version").integer(Self.schemaVersion...Self.schemaVersion)
        name = try member("name").name()
        bundleID = try member("bundle_id").sha256()
        checkpoint = try member("checkpoint").sha256()
        preprocessing = try Preprocessing(member("preprocessing"))
        registers = try member("registers").map(Register.init)
        steps = try member("steps").list(1...8, Step.init)
        targets = try Self.filled(member("targets"), Target.init)
        labels = try member.nullable("labels")?.list { try $0.text() }
        rules = try Self.filled(member("rules"), ExitRule.init)
        defaultRule = try member("default_rule").text()
        multiplyAdds = try member.nullable("multiply_adds")?.list { try $0.integer(1...Int.max) }
        let golden = try member("golden").object("path", "count")
        goldenPath = try golden("path").path()
        goldenCount = try golden("count").integer(1...Int(Int32.max))
        files = try member("files").map(FileEntry.init)
        for path in files.keys { _ = try Field(.text(path), place: "\(field.place).files").path() }
        _ = try member("tools").map { try $0.text() }
        let inputs = registers.filter { $0.value.initial == .input }.keys
        guard let image = inputs.first, inputs.count == 1 else {
            throw field.refusal("registers: exactly one must have initial 'input', found \(inputs.count)")
        }
        self.image = image
    }

    private static func filled<Value>(_ field: Field, _ read: (Field) throws -> Value) throws -> [String: Value] {
        let found = try field.map(read)
        guard !found.isEmpty else { throw field.refusal("is empty") }
        return found
    }
}

extension Manifest.Register {
    init(_ field: Field) throws {
        let member = try field.object("shape", "dtype", "initial", "lifetime")
        shape = try member("shape").list(1...5) { try $0.integer(1...Int(Int32.max)) }
        dtype = try member("dtype").oneOf(Dtype.self)
        guard dtype != .uint8 else { throw field.refusal("no register is uint8") }
        initial = try member.optional("initial")?.oneOf(Initial.self) ?? .zeros
        lifetime = try member.optional("lifetime")?.oneOf(Lifetime.self) ?? .image
    }
}

extension Manifest.Call {
    /// As it stands in a manifest, and on the wire.
    public init(_ field: Field) throws {
        let member = try field.object("graph", "inputs", "outputs")
        graph = try member("graph").text()
        inputs = try member("inputs").map { try $0.text() }
        outputs = try member("outputs").map { try $0.text() }
    }
}

extension Manifest.Step {
    init(_ field: Field) throws {
        let member = try field.object("calls", "logits", "position", "patch_size")
        calls = try member("calls").list(1...Int.max, Manifest.Call.init)
        logits = try member("logits").text()
        position = try member.nullable("position")?.text()
        patchSize = try member.nullable("patch_size")?.integer(1...Int(Int32.max))
    }
}

extension Manifest.Preprocessing {
    package init(_ field: Field) throws {
        let member = try field.object("size", "resize", "filter")
        size = try member("size").integer(1...4096)
        resize = try member("resize").integer(1...8192)
        filter = try member("filter").oneOf(Filter.self)
    }
}

extension Manifest.GraphFile {
    init(_ field: Field) throws {
        let member = try field.object(
            "path", "entry", "inputs", "outputs", "names", "pictures", "compute_units", "compression", "tolerance")
        path = try member("path").path()
        entry = try member.optional("entry")?.text() ?? "main"
        inputs = try member("inputs").list { try $0.text() }
        outputs = try member("outputs").list { try $0.text() }
        names = try member.optional("names")?.map { try $0.text() } ?? [:]
        pictures = try member.optional("pictures")?.list { try $0.text() } ?? []
        computeUnits = try member.optional("compute_units")?.oneOf(ComputeUnits.self) ?? .all
        compression = try member.optional("compression")?.oneOf(Compression.self) ?? .none
        tolerance =
            try member.optional("tolerance")?
            .number(Double.leastNonzeroMagnitude...Double.greatestFiniteMagnitude) ?? 1e-4
    }
}

extension Manifest.Target {
    init(_ field: Field) throws {
        let member = try field.object("graphs", "probes", "rules")
        graphs = try member("graphs").map(Manifest.GraphFile.init)
        probes = try member.nullable("probes")?.path()
        rules = try member.optional("rules")?.map(ExitRule.init) ?? [:]
    }
}

extension Manifest.FileEntry {
    init(_ field: Field) throws {
        let member = try field.object("sha256", "bytes")
        sha256 = try member("sha256").sha256()
        bytes = try member("bytes").integer(0...Int.max)
    }
}

extension ExitRule {
    /// As it stands in a manifest.
    public init(_ field: Field) throws {
        let member = try field.object("measure", "temperature", "thresholds", "calibration")
        measure = try member("measure").oneOf(Measure.self)
        temperature = try member("temperature").list { try $0.number(1e-3...1e3) }
        thresholds = try member("thresholds").list { $0.value == .null ? nil : try $0.number(0...1) }
        calibration = try member.nullable("calibration").map(Calibration.init)
    }
}

extension ExitRule.Calibration {
    init(_ field: Field) throws {
        let member = try field.object(
            "data", "data_hash", "device", "goal", "date", "accuracy", "mean_steps", "mean_ms", "p50_ms", "p95_ms",
            "worst_ms", "leaves", "step_ms")
        let time = 0...Double.greatestFiniteMagnitude
        data = try member("data").text()
        dataHash = try member.nullable("data_hash")?.sha256()
        device = try member.nullable("device")?.text()
        goal = try member.nullable("goal")?.text()
        date = try member.nullable("date")?.text()
        accuracy = try member.nullable("accuracy")?.number(0...1)
        meanSteps = try member.nullable("mean_steps")?.number(1...Double.greatestFiniteMagnitude)
        meanMs = try member.nullable("mean_ms")?.number(time)
        p50Ms = try member.nullable("p50_ms")?.number(time)
        p95Ms = try member.nullable("p95_ms")?.number(time)
        worstMs = try member.nullable("worst_ms")?.number(time)
        leaves = try member.nullable("leaves")?.list { try $0.number(0...1) }
        stepMs = try member.nullable("step_ms")?.list { try $0.number(time) }
    }
}
