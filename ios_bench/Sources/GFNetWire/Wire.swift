import GFNetKit

/// The wire's constants: `docs/wire.md` is the protocol, whole.
enum Wire {
    static let version = "1"
    static let largestHeader = 1 << 20  // bytes
    static let largestBody = 1 << 28
    static let idleSeconds = 300
    static let frameSeconds = 10
    static let longestID = 64  // bytes
}

/// An answer that is no result. Some kinds end the connection.
struct WireError: Error {
    enum Kind: String { case `protocol`, version, busy, verb, input, state, failed }

    let kind: Kind
    let message: String

    init(_ kind: Kind, _ message: String) {
        self.kind = kind
        // one line, whatever a damaged file's own names hold
        self.message = String(message.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? " " : Character($0) })
    }

    init(_ error: any Error) {
        switch error {
        case let error as WireError: self = error
        case GFNetError.failed(let message): self.init(.failed, message)
        case let error as GFNetError: self.init(.input, error.description)
        default: self.init(.failed, "\(error)")
        }
    }

    var endsConnection: Bool { kind == .protocol || kind == .version || kind == .busy }
}

/// The other side is gone, or stood still for too long.
struct Disconnected: Error {}

/// What a client asks for.
struct Request: Sendable {
    var id = ""
    var verb = ""
    var arguments: JSON = [:]
    var tensors: [String: Tensor] = [:]
}
