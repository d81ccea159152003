// The server: holds bundles, and runs them for one client at a time. See docs/wire.md.
#pragma once

#include <memory>
#include <string>

#include "runner/loaded.h"
#include "runner/registers.h"
#include "runner/wire.h"

namespace gfnet {

class Server {
  public:
    // `bundles`: folder of bundles that clients may load; `results`: folder of journals.
    Server(std::string bundles, std::string results)
        : bundles_(std::move(bundles)), results_(std::move(results)) {}

    // Serves until the process ends. Port 0: any free one; prints {"listening": PORT} once it can be reached.
    // Throws InputError if the port is in use.
    [[noreturn]] void serve(int port);

  private:
    void serve_client(Client& client);
    // False where the client has said goodbye. Throws WireError, InputError and RunError.
    bool answer(Client& client, const Request& request);

    void hello(Client& client, const Request& request) const;
    void load(Client& client, Request request);
    void run(Client& client, Request request);
    void steps(Client& client, Request request);
    void verify(Client& client, const Request& request);
    void bench(Client& client, Request request);
    Loaded& loaded() const;

    const std::string bundles_, results_;
    std::unique_ptr<Loaded> loaded_;
    Registers registers_;
};

}  // namespace gfnet
