import Foundation

extension JSON {
    /// Parses UTF-8. Throws ``GFNetError/input(_:)``, `place` in front.
    public init(parsing bytes: some Sequence<UInt8>, place: String) throws {
        let bytes = Array(bytes)
        guard String(decoding: bytes, as: UTF8.self).utf8.elementsEqual(bytes) else {
            throw GFNetError.input("\(place): is no JSON: not UTF-8")
        }
        var parser = Parser(bytes: bytes)
        do {
            self = try parser.document()
        } catch let problem as Parser.Problem {
            throw GFNetError.input("\(place): is no JSON: \(problem.what) at byte \(parser.next)")
        }
    }
}

private struct Parser {
    struct Problem: Error {
        let what: String
    }

    /// of lists and objects in one another; more would exhaust the stack
    static let deepest = 100

    let bytes: [UInt8]
    var next = 0

    mutating func document() throws -> JSON {
        let value = try value(depth: 0)
        skipSpace()
        guard next == bytes.count else { throw Problem(what: "something follows the value") }
        return value
    }

    private mutating func value(depth: Int) throws -> JSON {
        guard depth < Self.deepest else { throw Problem(what: "more than \(Self.deepest) levels") }
        skipSpace()
        switch peek {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try list(depth: depth)
        case UInt8(ascii: "\""): return .text(try text())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func object(depth: Int) throws -> JSON {
        var members: [String: JSON] = [:]
        next += 1
        skipSpace()
        if take("}") { return .object(members) }
        repeat {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw Problem(what: "a name is missing") }
            let name = try text()
            skipSpace()
            guard take(":") else { throw Problem(what: "a colon is missing") }
            members[name] = try value(depth: depth + 1)
            skipSpace()
        } while take(",")
        guard take("}") else { throw Problem(what: "an object does not end") }
        return .object(members)
    }

    private mutating func list(depth: Int) throws -> JSON {
        var values: [JSON] = []
        next += 1
        skipSpace()
        if take("]") { return .list(values) }
        repeat {
            values.append(try value(depth: depth + 1))
            skipSpace()
        } while take(",")
        guard take("]") else { throw Problem(what: "a list does not end") }
        return .list(values)
    }

    private mutating func text() throws -> String {
        var content: [UInt8] = []
        next += 1
        while true {
            guard let byte = peek, byte >= 0x20 else { throw Problem(what: "a text does not end") }
            next += 1
            if byte == UInt8(ascii: "\"") { return String(decoding: content, as: UTF8.self) }
            if byte == UInt8(ascii: "\\") {
                content += try escape().utf8
            } else {
                content.append(byte)
            }
        }
    }

    private mutating func escape() throws -> String {
        let letter = peek
        next += 1
        switch letter {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try escapedScalar()
        default: throw Problem(what: "an unknown escape")
        }
    }

    private mutating func escapedScalar() throws -> String {
        var units = [try unit()]
        if UTF16.isLeadSurrogate(units[0]) {
            guard take("\\"), take("u") else { throw Problem(what: "half a character") }
            units.append(try unit())
        }
        let text = String(decoding: units, as: UTF16.self)
        guard text.utf16.elementsEqual(units) else { throw Problem(what: "half a character") }
        return text
    }

    private mutating func unit() throws -> UInt16 {
        guard next + 4 <= bytes.count else { throw Problem(what: "an escape does not end") }
        var value: UInt16 = 0
        for digit in bytes[next..<next + 4] {
            guard let found = Character(UnicodeScalar(digit)).hexDigitValue else {
                throw Problem(what: "an escape that is no hexadecimal number")
            }
            value = value << 4 | UInt16(found)
        }
        next += 4
        return value
    }

    private mutating func number() throws -> JSON {
        let start = next
        _ = take("-")
        if !take("0") { try digits() }
        var whole = true
        if take(".") {
            whole = false
            try digits()
        }
        if take("e") || take("E") {
            whole = false
            if !take("+") { _ = take("-") }
            try digits()
        }
        let text = String(decoding: bytes[start..<next], as: UTF8.self)
        if whole, let value = Int(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw Problem(what: "a number too large") }
        return .number(value)
    }

    private mutating func digits() throws {
        let start = next
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { next += 1 }
        guard next > start else { throw Problem(what: "a value is missing") }
    }

    private mutating func word(_ word: String, _ value: JSON) throws -> JSON {
        guard bytes[next...].starts(with: word.utf8) else { throw Problem(what: "a value is missing") }
        next += word.utf8.count
        return value
    }

    private var peek: UInt8? { next < bytes.count ? bytes[next] : nil }

    private mutating func take(_ letter: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: letter) else { return false }
        next += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, [0x20, 0x09, 0x0a, 0x0d].contains(byte) { next += 1 }
    }
}
