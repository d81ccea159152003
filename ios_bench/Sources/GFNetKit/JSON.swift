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
    /// One line, members in the order of their names. With `ascii` as Python writes canonical JSON.
    public func text(ascii: Bool = false) -> String {
        var text = ""
        write(to: &text, ascii: ascii)
        return text
    }

    private func write(to text: inout String, ascii: Bool) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .number(let value): text += value.isFinite ? String(value) : "null"
        case .text(let value): Self.quote(value, to: &text, ascii: ascii)
        case .list(let values):
            text += "["
            for (index, value) in values.enumerated() {
                if index > 0 { text += "," }
                value.write(to: &text, ascii: ascii)
            }
            text += "]"
        case .object(let members):
            text += "{"
            // by code points: Swift's own order of texts is another
            let names = members.keys.sorted { $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars) }
            for (index, name) in names.enumerated() {
                if index > 0 { text += "," }
                Self.quote(name, to: &text, ascii: ascii)
                text += ":"
                members[name]?.write(to: &text, ascii: ascii)
            }
            text += "}"
        }
    }

    private static func quote(_ value: String, to text: inout String, ascii: Bool) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\u{8}": text += "\\b"
            case "\u{c}": text += "\\f"
            case _ where scalar.value < 0x20 || (ascii && scalar.value > 0x7f):
                for unit in String(scalar).utf16 { text += escaped(unit) }
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    private static func escaped(_ unit: UInt16) -> String {
        let digits = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
}
