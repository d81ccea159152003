import Foundation

/// The header of a safetensors file, or of a frame on the wire: texts, and where the tensors lie behind it.
package struct SafetensorsHeader: Sendable {
    package struct Entry: Sendable {
        package let dtype: Dtype
        package let shape: [Int]
        /// in bytes behind the header
        package let range: Range<Int>
    }

    package let metadata: [String: String]
    package let tensors: [String: Entry]
    package let bodyBytes: Int

    /// bytes before the header, which hold its length
    package static let lengthBytes = 8
    /// bytes; nothing below overflows
    private static let largest = 1 << 40

    package static func length(_ eightBytes: some Sequence<UInt8>) -> UInt64 {
        eightBytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Throws ``GFNetError/input(_:)`` unless tensors lie one behind the other, each as long as its shape says.
    package init(parsing json: some Sequence<UInt8>, place: String) throws {
        guard case .object(let members) = try JSON(parsing: json, place: place) else {
            throw GFNetError.input("\(place): the header must be an object")
        }
        var metadata: [String: String] = [:]
        var tensors: [String: Entry] = [:]
        for (name, value) in members {
            let field = Field(value, place: "\(place): \(name)")
            if name == "__metadata__" {
                metadata = try field.map { try $0.text() }
            } else {
                tensors[name] = try Entry(field, largest: Self.largest)
            }
        }
        var end = 0
        let order = tensors.sorted {
            ($0.value.range.lowerBound, $0.value.range.upperBound) < (
                $1.value.range.lowerBound, $1.value.range.upperBound
            )
        }
        for (name, entry) in order {
            guard entry.range.lowerBound == end else {
                throw GFNetError.input("\(place): tensor '\(name)' does not lie where its neighbours say")
            }
            end = entry.range.upperBound
        }
        (self.metadata, self.tensors, bodyBytes) = (metadata, tensors, end)
    }
}

extension SafetensorsHeader.Entry {
    fileprivate init(_ field: Field, largest: Int) throws {
        let member = try field.object("dtype", "shape", "data_offsets")
        dtype = try member("dtype").oneOf(SafetensorsDtype.self).dtype
        shape = try member("shape").list(0...8) { try $0.integer(0...Int(Int32.max)) }
        let offsets = try member("data_offsets").list(2...2) { try $0.integer(0...largest) }
        let bytes = shape.contains(0) ? 0 : shape.reduce(dtype.size) { $0 > largest ? $0 : $0 * $1 }
        guard offsets[0] <= offsets[1], offsets[1] - offsets[0] == bytes else {
            throw field.refusal("does not lie where its shape says")
        }
        range = offsets[0]..<offsets[1]
    }
}

private enum SafetensorsDtype: String, CaseIterable {
    case float32 = "F32"
    case float16 = "F16"
    case int32 = "I32"
    case uint8 = "U8"

    init(_ dtype: Dtype) {
        switch dtype {
        case .float32: self = .float32
        case .float16: self = .float16
        case .int32: self = .int32
        case .uint8: self = .uint8
        }
    }

    var dtype: Dtype {
        switch self {
        case .float32: .float32
        case .float16: .float16
        case .int32: .int32
        case .uint8: .uint8
        }
    }
}

/// A safetensors blob of texts and tensors.
package func safetensors(metadata: [String: String], tensors: [(String, Tensor)] = []) -> Data {
    var header: [String: JSON] = ["__metadata__": .object(metadata.mapValues(JSON.text))]
    var end = 0
    for (name, tensor) in tensors {
        header[name] = [
            "dtype": .text(SafetensorsDtype(tensor.dtype).rawValue), "shape": .list(tensor.shape.map(JSON.integer)),
            "data_offsets": [.integer(end), .integer(end + tensor.bytes)],
        ]
        end += tensor.bytes
    }
    var text = JSON.object(header).utf8()
    // so that tensors begin at aligned places
    while text.count % SafetensorsHeader.lengthBytes != 0 { text.append(UInt8(ascii: " ")) }
    var blob = Data(capacity: SafetensorsHeader.lengthBytes + text.count + end)
    withUnsafeBytes(of: UInt64(text.count).littleEndian) { blob.append(contentsOf: $0) }
    blob.append(contentsOf: text)
    for (_, tensor) in tensors { blob.append(tensor.data.assumingMemoryBound(to: UInt8.self), count: tensor.bytes) }
    return blob
}
