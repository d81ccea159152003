/// A JSON value, read strictly: 1 and 1.0 are not the same, and nothing is converted.
///
/// Foundation's decoder takes 1.0 for an integer and passes over members that it does not know. What this project's
/// other languages refuse is to be refused here, too.
public enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
    case list([JSON])
    case object([String: JSON])
}

extension JSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(nilLiteral: ()) { self = .null }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int) { self = .integer(value) }
    public init(floatLiteral value: Double) { self = .number(value) }
    public init(stringLiteral value: String) { self = .text(value) }
    public init(arrayLiteral values: JSON...) { self = .list(values) }
    public init(dictionaryLiteral members: (String, JSON)...) {
        self = .object(Dictionary(members) { _, last in last })
    }
}

// MARK: - Writing

extension JSON {
    /// One line, members in the order of their names.
    public func text() -> String { String(decoding: utf8(), as: UTF8.self) }

    /// The same, as bytes. With `ascii` as Python writes canonical JSON.
    package func utf8(ascii: Bool = false) -> [UInt8] {
        var bytes: [UInt8] = []
        write(to: &bytes, ascii: ascii)
        return bytes
    }

    private func write(to bytes: inout [UInt8], ascii: Bool) {
        switch self {
        case .null: bytes += "null".utf8
        case .bool(let value): bytes += (value ? "true" : "false").utf8
        case .integer(let value): bytes += String(value).utf8
        case .number(let value): bytes += (value.isFinite ? String(value) : "null").utf8
        case .text(let value): Self.quote(value, to: &bytes, ascii: ascii)
        case .list(let values):
            bytes.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                value.write(to: &bytes, ascii: ascii)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let members):
            bytes.append(UInt8(ascii: "{"))
            // by code points, which is the order of their bytes; Swift's own order of texts is another
            let ordered = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            for (index, (name, value)) in ordered.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.quote(name, to: &bytes, ascii: ascii)
                bytes.append(UInt8(ascii: ":"))
                value.write(to: &bytes, ascii: ascii)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    private static func quote(_ value: String, to bytes: inout [UInt8], ascii: Bool) {
        bytes.append(UInt8(ascii: "\""))
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": bytes += "\\\"".utf8
            case "\\": bytes += "\\\\".utf8
            case "\n": bytes += "\\n".utf8
            case "\r": bytes += "\\r".utf8
            case "\t": bytes += "\\t".utf8
            case "\u{8}": bytes += "\\b".utf8
            case "\u{c}": bytes += "\\f".utf8
            case "\u{20}"..."\u{7f}": bytes.append(UInt8(scalar.value))
            case _ where scalar.value < 0x20 || ascii:
                for unit in String(scalar).utf16 { bytes += escaped(unit).utf8 }
            default: bytes += String(scalar).utf8
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func escaped(_ unit: UInt16) -> String {
        let digits = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
}
