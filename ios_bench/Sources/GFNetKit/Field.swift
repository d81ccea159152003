/// A place in a JSON document, and what must be there. As strict as this project's other languages.
public struct Field: Sendable {
    public let value: JSON
    public let place: String

    public init(_ value: JSON, place: String) {
        self.value = value
        self.place = place
    }

    public func refusal(_ problem: String) -> GFNetError { .input("\(place): \(problem)") }

    /// An object with no other members than these.
    public func object(_ names: String...) throws -> Members { try object(names) }

    public func object(_ names: [String]) throws -> Members {
        guard case .object(let members) = value else { throw refusal("must be an object") }
        for name in members.keys.sorted() where !names.contains(name) {
            throw GFNetError.input("\(place).\(name): unknown field")
        }
        return Members(members: members, place: place)
    }

    /// An object whose members are all of one kind.
    public func map<Value>(_ read: (Field) throws -> Value) throws -> [String: Value] {
        guard case .object(let members) = value else { throw refusal("must be an object") }
        var found: [String: Value] = [:]
        for (name, member) in members { found[name] = try read(Field(member, place: "\(place).\(name)")) }
        return found
    }

    public func list<Item>(_ counts: ClosedRange<Int> = 0...Int.max, _ read: (Field) throws -> Item) throws -> [Item] {
        guard case .list(let items) = value else { throw refusal("must be a list") }
        guard counts.contains(items.count) else { throw refusal("has too few or too many items") }
        return try items.enumerated().map { try read(Field($1, place: "\(place).\($0)")) }
    }

    public func text() throws -> String {
        guard case .text(let text) = value else { throw refusal("must be a text") }
        return text
    }

    public func bool() throws -> Bool {
        guard case .bool(let found) = value else { throw refusal("must be true or false") }
        return found
    }

    public func integer(_ range: ClosedRange<Int>) throws -> Int {
        guard case .integer(let number) = value, range.contains(number) else {
            let upper = range.upperBound == Int.max ? "" : " and at most \(range.upperBound)"
            throw refusal("must be a whole number, at least \(range.lowerBound)\(upper)")
        }
        return number
    }

    public func number(_ range: ClosedRange<Double>) throws -> Double {
        let number: Double? =
            switch value {
            case .integer(let whole): Double(whole)
            case .number(let found): found
            default: nil
            }
        guard let number, range.contains(number) else {
            throw refusal("must be a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    public func oneOf<Choice: RawRepresentable<String> & CaseIterable>(_: Choice.Type) throws -> Choice {
        guard case .text(let text) = value, let choice = Choice(rawValue: text) else {
            throw refusal("must be one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return choice
    }

    /// 64 hexadecimal digits, in small letters.
    func sha256() throws -> String {
        let text = try? text()
        guard let text, text.utf8.count == 64, text.utf8.allSatisfy(Self.hexadecimal.contains) else {
            throw refusal("must be 64 hexadecimal digits")
        }
        return text
    }

    /// Letters, digits, `.`, `_` and `-`, at most 100; the first is a letter or a digit.
    public func name() throws -> String {
        let text = (try? text()) ?? ""
        guard let first = text.utf8.first, Self.word.contains(first), text.utf8.count <= 100,
            text.utf8.allSatisfy({ Self.word.contains($0) || "._-".utf8.contains($0) })
        else { throw refusal("must be a name of letters, digits, '.', '_' and '-'") }
        return text
    }

    /// A file's place inside a bundle: relative, with `/`, going nowhere else.
    func path() throws -> String {
        let path = try text()
        guard path.unicodeScalars.allSatisfy(Self.everySystemTakes) else {
            throw refusal("has characters that not every system takes")
        }
        let parts = path.unicodeScalars.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard !parts.contains(where: ["", ".", ".."].contains) else {
            throw refusal("path '\(path)' leaves the bundle")
        }
        return path
    }

    private static let hexadecimal = Set("0123456789abcdef".utf8)
    private static let word = Set("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)

    /// Printable as Python's `str.isprintable` means it, and no separator of another system.
    private static func everySystemTakes(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
        case .spaceSeparator: scalar == " "
        default: scalar != "\\" && scalar != ":"
        }
    }
}

/// The members of an object.
public struct Members: Sendable {
    let members: [String: JSON]
    let place: String

    /// A member that must be there.
    public func callAsFunction(_ name: String) throws -> Field {
        guard let field = optional(name) else { throw GFNetError.input("\(place).\(name): is missing") }
        return field
    }

    /// A member that may be left out; `null` does not leave it out.
    public func optional(_ name: String) -> Field? {
        members[name].map { Field($0, place: "\(place).\(name)") }
    }

    /// A member that may be left out, also by `null`.
    public func nullable(_ name: String) -> Field? {
        members[name] == .null ? nil : optional(name)
    }
}
