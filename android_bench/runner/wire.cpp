#include "runner/wire.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "core/error.h"
#include "core/safetensors.h"

namespace gfnet {

namespace {

constexpr size_t kPiece = size_t{1} << 20;  // bytes that are asked of the system before they have arrived
constexpr size_t kLongestId = 64;

void send_all(int socket, const std::vector<uint8_t>& bytes) {
    size_t sent = 0;
    while (sent < bytes.size()) {
        const ssize_t count = ::send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) throw Disconnected();  // gone, or it did not read for kFrameSeconds
        sent += static_cast<size_t>(count);
    }
}

std::string text_of(const std::map<std::string, std::string>& metadata, const std::string& key) {
    const auto found = metadata.find(key);
    return found == metadata.end() ? "" : found->second;
}

std::vector<uint8_t> error_frame(const Request& request, const WireError& error) {
    const Json described = {{"kind", error.kind}, {"message", error.what()}};
    return to_safetensors(
        {{"gfnet", kProtocol}, {"id", request.id}, {"verb", request.verb}, {"error", to_text(described)}},
        {});
}

void set_timeout(int socket, int which) {
    const timeval limit = {kFrameSeconds, 0};
    setsockopt(socket, SOL_SOCKET, which, &limit, sizeof limit);
}

SafetensorsHeader header_of(const std::string& json) {
    try {
        return parse_header(json, "the frame");
    } catch (const InputError& error) {
        throw WireError("protocol", error.what());
    }
}

}  // namespace

WireError::WireError(std::string kind_, const std::string& message)
    : std::runtime_error(one_line(message)), kind(std::move(kind_)) {}

bool WireError::ends_connection() const { return kind == "protocol" || kind == "version" || kind == "busy"; }

Client::Client(int socket, int listener) : socket_(socket), listener_(listener) {
    const int at_once = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    set_timeout(socket, SO_SNDTIMEO);
}

Client::~Client() { close(socket_); }

Request Client::read() {
    wait_readable(kIdleSeconds);
    uint8_t length_bytes[kLengthBytes];
    receive(length_bytes, kLengthBytes);
    const uint64_t length = header_length(length_bytes);
    if (length > kLargestHeader) {
        throw WireError("protocol", "a header of " + std::to_string(length) + " bytes; at most " +
                                        std::to_string(kLargestHeader) + " are taken");
    }
    std::string json(length, ' ');
    receive(reinterpret_cast<uint8_t*>(json.data()), json.size());
    const SafetensorsHeader header = header_of(json);
    if (header.body_bytes > kLargestBody) {
        throw WireError("protocol", "a body of " + std::to_string(header.body_bytes) + " bytes; at most " +
                                        std::to_string(kLargestBody) + " are taken");
    }
    Request request;
    request.id = text_of(header.metadata, "id");
    request.verb = text_of(header.metadata, "verb");
    if (request.id.size() > kLongestId) throw WireError("protocol", "an id of more than 64 bytes");
    if (text_of(header.metadata, "gfnet") != kProtocol) {
        throw WireError("version", "this server speaks protocol " + std::string(kProtocol) + ", not '" +
                                       text_of(header.metadata, "gfnet") + "'; update the older side");
    }
    while (request.body.size() < header.body_bytes) {  // as it arrives, not as it was announced
        const size_t had = request.body.size();
        request.body.resize(std::min(header.body_bytes, had + std::max(kPiece, had)));
        receive(request.body.data() + had, request.body.size() - had);
    }
    for (const TensorEntry& entry : header.tensors) {
        request.tensors.emplace(entry.name,
                                Tensor{entry.dtype, entry.shape, request.body.data() + entry.begin});
    }
    if (const std::string arguments = text_of(header.metadata, "arguments"); !arguments.empty()) {
        try {
            request.arguments = parse_json(arguments, "arguments");
        } catch (const InputError& error) {
            throw WireError("protocol", error.what());
        }
    }
    return request;
}

void Client::answer(const Request& request, const Json& result, const NamedTensors& tensors, bool more) {
    std::map<std::string, std::string> metadata = {
        {"gfnet", kProtocol}, {"id", request.id}, {"verb", request.verb}, {"result", to_text(result)}};
    if (more) metadata["more"] = "1";
    send_all(socket_, to_safetensors(metadata, tensors));
}

void Client::refuse(const Request& request, const WireError& error) {
    send_all(socket_, error_frame(request, error));
}

bool Client::is_gone() {
    pollfd polled = {socket_, POLLIN | POLLRDHUP, 0};
    if (poll(&polled, 1, 0) > 0 && polled.revents & (POLLRDHUP | POLLHUP | POLLERR)) return true;
    pollfd others = {listener_, POLLIN, 0};
    if (poll(&others, 1, 0) > 0) turn_away(listener_);
    return false;
}

void Client::turn_away(int listener) {
    const int socket = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    set_timeout(socket, SO_SNDTIMEO);
    try {
        send_all(
            socket,
            error_frame({}, WireError("busy", "another client is being served; try again when it is done")));
    } catch (const Disconnected&) {
    }
    shutdown(socket, SHUT_WR);  // so that the frame is read before the reset that unread bytes would cause
    close(socket);
}

void Client::wait_readable(int seconds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (true) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) throw Disconnected();
        pollfd polled[] = {{socket_, POLLIN, 0}, {listener_, POLLIN, 0}};
        const int ready = poll(polled, 2, static_cast<int>(left.count()));
        if (ready < 0 && errno != EINTR) throw Disconnected();
        if (ready > 0 && polled[0].revents) return;
        // the client may have gone in this moment, and the other be its next connection
        if (ready > 0 && polled[1].revents && is_gone()) throw Disconnected();
    }
}

void Client::receive(uint8_t* to, size_t bytes) {
    while (bytes > 0) {
        wait_readable(kFrameSeconds);
        const ssize_t count = recv(socket_, to, bytes, 0);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) throw Disconnected();
        to += count;
        bytes -= static_cast<size_t>(count);
    }
}

}  // namespace gfnet
