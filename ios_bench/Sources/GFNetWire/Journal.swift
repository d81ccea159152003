import Foundation
import GFNetKit

/// A measurement's samples on disk: JSON lines, only ever appended to, so that a process that dies loses none that it
/// had taken. The first line says what is measured; then samples, and the conditions of each stretch.
struct Journal {
    private let path: String
    private let file: FileHandle
    /// {"index", "what", "ms", …} of each, from number 0 on
    private(set) var samples: [JSON] = []
    private(set) var stretches: [JSON] = []

    /// Opens or begins `folder/run.jsonl`. A last line that was cut off is removed. Throws ``GFNetError/input(_:)`` if
    /// the file holds another measurement (`header`), or cannot be written.
    init(_ folder: URL, run: String, header: JSON) throws {
        path = Self.place(folder, run)
        try Self.trying(path) {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }
        let isThere = FileManager.default.fileExists(atPath: path)
        guard isThere || FileManager.default.createFile(atPath: path, contents: nil),
            let file = FileHandle(forUpdatingAtPath: path)
        else {
            throw GFNetError.input("\(path): cannot be written: \(String(cString: strerror(errno)))")
        }
        self.file = file
        let content = try Self.trying(path) { try file.readToEnd() } ?? Data()
        let whole = content.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        try Self.trying(path) {
            try file.truncate(atOffset: UInt64(whole))
            try file.seekToEnd()
        }
        guard whole > 0 else {
            try write(["header": header])
            return
        }
        var lines = content[..<whole].split(separator: UInt8(ascii: "\n"))[...]
        let first = try lines.popFirst().map { try JSON(parsing: $0, place: path) }
        guard first == ["header": header] else {
            throw GFNetError.input(
                "\(path): is another measurement of that name (bundle, threads, rounds or warm-up differ)")
        }
        for line in lines { try take(JSON(parsing: line, place: path)) }
    }

    /// On its way to the disk when this returns.
    mutating func append(sample: JSON) throws {
        try write(sample)
        samples.append(sample)
    }

    /// A stretch without interruption: {"first", "start", "end"}. A later one of the same `first` replaces it.
    mutating func append(stretch: JSON) throws {
        try write(["stretch": stretch])
        try take(["stretch": stretch])
    }

    /// On the disk when this returns.
    func sync() throws { try Self.trying(path) { try file.synchronize() } }

    static func drop(_ folder: URL, run: String) throws {
        let path = place(folder, run)
        guard FileManager.default.fileExists(atPath: path) else { return }
        try trying(path) { try FileManager.default.removeItem(atPath: path) }
    }

    private mutating func take(_ line: JSON) throws {
        guard case .object(let members) = line else { throw GFNetError.input("\(path): a line that is no object") }
        if let stretch = members["stretch"] {
            if let last = stretches.last, last["first"] == stretch["first"] { stretches.removeLast() }
            stretches.append(stretch)
        } else if members["index"] == .integer(samples.count) {
            samples.append(line)
        } else {
            throw GFNetError.input("\(path): sample \(samples.count) is missing; drop it and measure again")
        }
    }

    /// One call of the system, so that a line is there whole or cut off at the end of the file.
    private func write(_ line: JSON) throws {
        let bytes = line.utf8() + [UInt8(ascii: "\n")]
        let written = Foundation.write(file.fileDescriptor, bytes, bytes.count)
        guard written == bytes.count else {
            let reason = written < 0 ? String(cString: strerror(errno)) : "no space is left"
            throw GFNetError.input("\(path): cannot be written: \(reason)")
        }
    }

    private static func place(_ folder: URL, _ run: String) -> String {
        folder.appendingPathComponent("\(run).jsonl").path
    }

    private static func trying<Value>(_ path: String, _ work: () throws -> Value) throws -> Value {
        do {
            return try work()
        } catch {
            throw GFNetError.input("\(path): cannot be read or written: \(error.localizedDescription)")
        }
    }
}

extension JSON {
    subscript(_ name: String) -> JSON? {
        if case .object(let members) = self { members[name] } else { nil }
    }
}
