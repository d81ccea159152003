import Foundation

/// What this package throws. Each carries one line for a person: what is wrong, where, and how to mend it.
public enum GFNetError: Error, Equatable, Sendable {
    /// A bundle, an image or an argument that cannot be used.
    case input(String)
    /// A graph could not be run, or what it gave is no answer.
    case failed(String)
    /// The session is still taking the steps of another image.
    case busy
}

extension GFNetError: LocalizedError, CustomStringConvertible {
    public var description: String {
        switch self {
        case .input(let message), .failed(let message): message
        case .busy:
            "the session is taking the steps of another image; let them end first, or open a second session"
        }
    }

    public var errorDescription: String? { description }
}

extension Error {
    /// What a system's error says, for a message of one line.
    package var inOneLine: String { localizedDescription.split(whereSeparator: \.isNewline).joined(separator: " ") }
}
