#include "runner/serve.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

#include "core/error.h"

namespace gfnet {

namespace {

int listen_on(int port) {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int again = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &again, sizeof again);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener, 8) != 0) {
        const std::string reason = std::strerror(errno);
        close(listener);
        throw InputError("port " + std::to_string(port) + ": " + reason + "; choose another with --port");
    }
    return listener;
}

int port_of(int listener) {
    sockaddr_in address = {};
    socklen_t length = sizeof address;
    getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
    return ntohs(address.sin_port);
}

}  // namespace

void Server::serve(int port) {
    const int listener = listen_on(port);
    std::printf("{\"listening\": %d}\n", port_of(listener));
    std::fflush(stdout);
    while (true) {
        const int socket = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (socket < 0) continue;
        Client client(socket, listener);
        try {
            serve_client(client);
        } catch (const Disconnected&) {
        }
    }
}

void Server::serve_client(Client& client) {
    while (true) {
        Request request;
        const auto refuse = [&](const WireError& error) {
            client.refuse(request, error);
            return error.ends_connection();
        };
        bool ended = false;
        try {
            request = client.read();
            ended = !answer(client, request);
        } catch (const WireError& error) {
            ended = refuse(error);
        } catch (const InputError& error) {
            ended = refuse(WireError("input", error.what()));
        } catch (const RunError& error) {
            ended = refuse(WireError("failed", error.what()));
        } catch (const std::bad_alloc&) {
            ended = refuse(WireError("failed", "the device has too little memory for this"));
        }
        if (ended) return;
    }
}

bool Server::answer(Client& client, const Request& request) {
    if (!request.tensors.empty() && request.verb != "run" && request.verb != "steps") {
        throw InputError("verb '" + request.verb + "' takes no tensors");
    }
    if (request.verb == "hello") {
        hello(client, request);
    } else if (request.verb == "load") {
        load(client, request);
    } else if (request.verb == "run") {
        run(client, request);
    } else if (request.verb == "steps") {
        steps(client, request);
    } else if (request.verb == "verify") {
        verify(client, request);
    } else if (request.verb == "bench") {
        bench(client, request);
    } else if (request.verb == "bye") {
        client.answer(request, Json::object());
        return false;
    } else {
        throw WireError("verb", "no verb '" + request.verb + "'");
    }
    return true;
}

}  // namespace gfnet
