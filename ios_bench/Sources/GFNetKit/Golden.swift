import Foundation

/// Golden vectors: some images, and what the eager model made of them, call by call. `docs/bundle.md` explains them.
package struct Golden: Sendable {
    private let body: Data
    private let tensors: [String: SafetensorsHeader.Entry]
    package let count: Int
    private let size: Int

    private static let largestHeader = 1 << 24

    /// Reads and checks the file. Throws ``GFNetError/input(_:)`` for anything that does not fit the manifest.
    package init(of bundle: GFNetBundle) throws {
        try bundle.checkGolden()
        let manifest = bundle.manifest
        let path = bundle.url(of: manifest.goldenPath)
        guard let data = try? Data(contentsOf: path, options: .mappedIfSafe) else {
            throw GFNetError.input("\(path.path): cannot be read")
        }
        let length = SafetensorsHeader.length(data.prefix(SafetensorsHeader.lengthBytes))
        guard data.count >= SafetensorsHeader.lengthBytes, length <= Self.largestHeader,
            length <= data.count - SafetensorsHeader.lengthBytes
        else { throw GFNetError.input("\(path.path): is no safetensors file") }
        body = data.dropFirst(SafetensorsHeader.lengthBytes + Int(length))
        let header = try SafetensorsHeader(
            parsing: data.dropFirst(SafetensorsHeader.lengthBytes).prefix(Int(length)), place: path.path)
        guard header.bodyBytes == body.count else {
            throw GFNetError.input("\(path.path): is cut off or too long")
        }
        tensors = header.tensors
        count = manifest.goldenCount
        size = manifest.preprocessing.size
        try expect("images", .uint8, [size, size, 3], path: path.path)
        for (number, step) in manifest.steps.enumerated() {
            for call in step.calls {
                for (tensor, name) in call.outputs {
                    guard let register = manifest.registers[name] else { continue }
                    let key = Self.key(number, call.graph, tensor)
                    try expect(key, register.dtype, Array(register.shape.dropFirst()), path: path.path)
                }
            }
        }
    }

    /// One image, uint8 `[S, S, 3]`.
    package func image(_ index: Int) throws -> Prepared {
        try Prepared(pixels: Array(row("images", index)), size: size)
    }

    /// Writes what a call of a step gave for one image.
    package func copy(_ index: Int, step: Int, graph: String, tensor: String, to target: Tensor) {
        row(Self.key(step, graph, tensor), index).withUnsafeBytes { target.copy(from: $0) }
    }

    private func row(_ name: String, _ index: Int) -> Data {
        guard let range = tensors[name]?.range else { return Data() }
        let bytes = range.count / count
        let start = body.startIndex + range.lowerBound + index * bytes
        return body[start..<start + bytes]
    }

    private func expect(_ name: String, _ dtype: Dtype, _ shape: [Int], path: String) throws {
        guard let entry = tensors[name], entry.dtype == dtype, entry.shape == [count] + shape else {
            throw GFNetError.input("\(path): tensor '\(name)' must be there as \(dtype.rawValue) \([count] + shape)")
        }
    }

    private static func key(_ step: Int, _ graph: String, _ tensor: String) -> String { "\(step).\(graph).\(tensor)" }
}

/// Registers as the golden vectors have them, while one walks the program: what each call was given.
package struct GoldenRegisters {
    private let program: Manifest
    private let golden: Golden
    private var image = 0
    package let values: [String: Tensor]

    package init(_ program: Manifest, _ golden: Golden) {
        self.program = program
        self.golden = golden
        values = program.registers.mapValues { Tensor($0.dtype, $0.shape) }
    }

    /// To the start of an image: streams keep what the image before left, others are zeros.
    package mutating func begin(_ image: Int) throws {
        self.image = image
        for (name, register) in program.registers where register.lifetime == .image || image == 0 {
            values[name]?.fillWithZeros()
        }
        if let input = values[program.image] { try golden.image(image).write(to: input) }
    }

    /// What the call of this step left in its registers.
    package func take(_ step: Int, _ call: Manifest.Call) {
        for (tensor, name) in call.outputs {
            if let value = values[name] { golden.copy(image, step: step, graph: call.graph, tensor: tensor, to: value) }
        }
    }
}
