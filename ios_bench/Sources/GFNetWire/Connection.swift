import Foundation
import GFNetKit

/// One client's socket. While it waits, others that come to `listener` are told that it is busy.
///
/// Waiting for a request blocks, and so happens on a queue of its own. Answers are written where they are made: a hop to
/// another thread between two samples would leave the measured code with cold caches.
final class Connection: Sendable {
    private let socket: Int32
    private let listener: Int32
    private let queue = DispatchQueue(label: "gfnet wire")

    /// Takes the socket over.
    init(_ socket: Int32, listener: Int32) {
        self.socket = socket
        self.listener = listener
        set(socket, IPPROTO_TCP_, TCP_NODELAY, 1 as Int32)
        prepareForSending(socket)
    }

    deinit { close(socket) }

    /// Throws ``Disconnected``, and ``WireError`` for what is no frame of this protocol.
    func read() async throws -> (request: Request, problem: WireError?) {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Result { try self.readFrame() }) }
        }
    }

    func answer(
        _ request: Request, _ result: JSON, _ tensors: [(String, Tensor)] = [], more: Bool = false
    ) throws {
        var metadata = frameMetadata(request)
        metadata["result"] = result.text()
        if more { metadata["more"] = "1" }
        try sendAll(socket, safetensors(metadata: metadata, tensors: tensors))
    }

    func refuse(_ request: Request, _ error: WireError) throws { try sendAll(socket, errorFrame(request, error)) }

    /// Has the client gone? Between samples of a measurement nobody reads.
    var isGone: Bool {
        var byte: UInt8 = 0
        let count = recv(socket, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
        if count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) { return true }
        var others = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
        if poll(&others, 1, 0) > 0 { turnAway(listener) }
        return false
    }

    /// What could be read of a broken frame is told beside its problem, so that the answer can carry its id.
    private func readFrame() throws -> (Request, WireError?) {
        var request = Request()
        do {
            try read(into: &request)
        } catch let error as WireError {
            return (request, error)
        }
        return (request, nil)
    }

    private func read(into request: inout Request) throws {
        try waitReadable(seconds: Wire.idleSeconds)
        let length = SafetensorsHeader.length(try receive(SafetensorsHeader.lengthBytes))
        guard length <= Wire.largestHeader else {
            throw WireError(.protocol, "a header of \(length) bytes; at most \(Wire.largestHeader) are taken")
        }
        let json = try receive(Int(length))
        let header: SafetensorsHeader
        do {
            header = try SafetensorsHeader(parsing: json, place: "the frame")
        } catch let error as GFNetError {
            throw WireError(.protocol, error.description)
        }
        guard header.bodyBytes <= Wire.largestBody else {
            throw WireError(.protocol, "a body of \(header.bodyBytes) bytes; at most \(Wire.largestBody) are taken")
        }
        let id = header.metadata["id"] ?? ""
        guard id.utf8.count <= Wire.longestID else { throw WireError(.protocol, "an id of more than 64 bytes") }
        (request.id, request.verb) = (id, header.metadata["verb"] ?? "")
        guard header.metadata["gfnet"] == Wire.version else {
            let asked = header.metadata["gfnet"] ?? ""
            throw WireError(
                .version, "this server speaks protocol \(Wire.version), not '\(asked)'; update the older side")
        }
        let body = try receive(header.bodyBytes)
        for (name, entry) in header.tensors {
            let tensor = Tensor(entry.dtype, entry.shape)
            body[entry.range].withUnsafeBytes { tensor.copy(from: $0) }
            request.tensors[name] = tensor
        }
        if let arguments = header.metadata["arguments"], !arguments.isEmpty {
            do {
                request.arguments = try JSON(parsing: arguments.utf8, place: "arguments")
            } catch let error as GFNetError {
                throw WireError(.protocol, error.description)
            }
        }
    }

    private func waitReadable(seconds: Int) throws {
        let start = Moment.now
        while true {
            let left = Double(seconds) * 1e3 - Moment.now.milliseconds(since: start)
            guard left > 0 else { throw Disconnected() }
            var polled = [
                pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
                pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
            ]
            let ready = poll(&polled, 2, Int32(left.rounded(.up)))
            if ready < 0 && errno != EINTR { throw Disconnected() }
            if ready > 0 && polled[0].revents != 0 { return }
            // the client may have gone in this moment, and the other be its next connection
            if ready > 0 && polled[1].revents != 0 && isGone { throw Disconnected() }
        }
    }

    /// Memory is taken as bytes arrive, not as they were announced.
    private func receive(_ wanted: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < wanted {
            try waitReadable(seconds: Wire.frameSeconds)
            let had = bytes.count
            let piece = min(wanted - had, max(1 << 16, had))
            bytes.append(contentsOf: repeatElement(0, count: piece))
            let count = bytes.withUnsafeMutableBytes { recv(socket, $0.baseAddress.map { $0 + had }, piece, 0) }
            bytes.removeLast(piece - max(count, 0))
            if count == 0 || (count < 0 && errno != EINTR) { throw Disconnected() }
        }
        return bytes
    }
}

private func frameMetadata(_ request: Request) -> [String: String] {
    ["gfnet": Wire.version, "id": request.id, "verb": request.verb]
}

private func errorFrame(_ request: Request, _ error: WireError) -> Data {
    var metadata = frameMetadata(request)
    metadata["error"] = JSON.object(["kind": .text(error.kind.rawValue), "message": .text(error.message)]).text()
    return safetensors(metadata: metadata)
}

/// Turns a client away that came while another is served.
private func turnAway(_ listener: Int32) {
    let socket = accept(listener, nil, nil)
    guard socket >= 0 else { return }
    prepareForSending(socket)
    let busy = WireError(.busy, "another client is being served; try again when it is done")
    try? sendAll(socket, errorFrame(Request(), busy))
    // so that the frame is read before the reset that unread bytes would cause
    shutdown(socket, Int32(SHUT_WR))
    close(socket)
}

private func sendAll(_ socket: Int32, _ bytes: Data) throws {
    try bytes.withUnsafeBytes { buffer in
        var sent = 0
        while sent < buffer.count {
            let count = send(socket, buffer.baseAddress.map { $0 + sent }, buffer.count - sent, noSignal)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw Disconnected() }  // gone, or it did not read for too long
            sent += count
        }
    }
}

/// A client that is gone or stands still ends its connection, not this process.
private func prepareForSending(_ socket: Int32) {
    set(socket, SOL_SOCKET, SO_SNDTIMEO, timeval(tv_sec: Wire.frameSeconds, tv_usec: 0))
    #if canImport(Darwin)
        set(socket, SOL_SOCKET, SO_NOSIGPIPE, 1 as Int32)
    #endif
}

private func set<Value>(_ socket: Int32, _ level: Int32, _ option: Int32, _ value: Value) {
    _ = withUnsafeBytes(of: value) {
        setsockopt(socket, level, option, $0.baseAddress, socklen_t($0.count))
    }
}

#if canImport(Darwin)
    private let noSignal: Int32 = 0
    private let IPPROTO_TCP_ = IPPROTO_TCP
#else
    private let noSignal = Int32(MSG_NOSIGNAL)
    private let IPPROTO_TCP_ = Int32(IPPROTO_TCP)
#endif
