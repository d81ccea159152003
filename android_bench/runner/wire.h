// Frames on a socket: safetensors blobs that delimit themselves. See docs/wire.md.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/fields.h"
#include "core/tensor.h"

namespace gfnet {

inline constexpr const char* kProtocol = "1";
inline constexpr size_t kLargestHeader = size_t{1} << 20, kLargestBody = size_t{1} << 28;  // bytes
inline constexpr int kIdleSeconds = 300, kFrameSeconds = 10;

// An answer that is no result. Some kinds end the connection.
class WireError : public std::runtime_error {
  public:
    WireError(std::string kind, const std::string& message);

    const std::string kind;
    bool ends_connection() const;
};

// The other side is gone, or stood still for too long.
class Disconnected : public std::exception {};

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

struct Request {
    std::string id, verb;
    Json arguments = Json::object();
    std::map<std::string, Tensor> tensors;  // into `body`
    std::vector<uint8_t> body;
};

// One client's socket. While it waits, others that come to `listener` are told that it is busy.
class Client {
  public:
    // Takes the socket over.
    Client(int socket, int listener);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Throws Disconnected, and WireError for what is no frame of this protocol.
    Request read();
    void answer(const Request& request, const Json& result, const NamedTensors& tensors = {},
                bool more = false);
    void refuse(const Request& request, const WireError& error);
    // Has the client gone? Between samples of a measurement nobody reads.
    bool is_gone();

    // Turns a client away that came while another is served.
    static void turn_away(int listener);

  private:
    void wait_readable(int seconds);
    void receive(uint8_t* to, size_t bytes);

    int socket_, listener_;
};

}  // namespace gfnet
