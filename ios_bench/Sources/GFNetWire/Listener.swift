import Foundation
import GFNetKit

/// A port of the machine's own, on loopback only.
final class Listener: Sendable {
    let socket: Int32
    let port: UInt16
    private let queue = DispatchQueue(label: "gfnet listener")

    /// Port 0: any that is free. Throws ``GFNetError/input(_:)``.
    init(port: UInt16) throws {
        #if canImport(Darwin)
            socket = Darwin.socket(AF_INET, SOCK_STREAM, 0)
        #else
            socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #endif
        var again: Int32 = 1
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &again, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        address.sin_port = port.bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let (handle, size) = (socket, length)
        let listens = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(handle, $0, size) == 0 && listen(handle, 8) == 0 && getsockname(handle, $0, &length) == 0
            }
        }
        guard listens else {
            let reason = String(cString: strerror(errno))
            close(socket)
            throw GFNetError.input("port \(port): \(reason); choose another with --port")
        }
        self.port = UInt16(bigEndian: address.sin_port)
    }

    deinit { close(socket) }

    func accept() async -> Connection {
        await withCheckedContinuation { continuation in
            queue.async {
                while true {
                    #if canImport(Darwin)
                        let client = Darwin.accept(self.socket, nil, nil)
                    #else
                        let client = Glibc.accept(self.socket, nil, nil)
                    #endif
                    if client >= 0 { return continuation.resume(returning: Connection(client, listener: self.socket)) }
                }
            }
        }
    }
}
