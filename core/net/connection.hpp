#pragma once
// Inside core/net only: one connection of a server.

#include <memory>
#include <set>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include "core/net/server.hpp"

namespace croft::net {

class Connection;

/// What a server and its connections share; lives as long as the last of them.
struct Shared {
  Shared(asio::any_io_executor on, HttpHandler handle, HttpServerSettings with)
      : executor(std::move(on)),
        handler(std::move(handle)),
        settings(std::move(with)),
        drained(executor) {}

  asio::any_io_executor executor;
  HttpHandler handler;
  HttpServerSettings settings;
  bool is_stopping = false;
  std::set<std::shared_ptr<Connection>> connections;
  Signal drained;  ///< the last connection has ended
};

class Connection {
 public:
  virtual ~Connection() = default;
  /// Serves requests until either side closes.
  virtual Task<> run() = 0;
  /// The server stops: ends streams and idling, answers what has come.
  virtual void stop() = 0;
  /// Closes at once, whatever goes on.
  virtual void cut_off() = 0;

  asio::cancellation_signal cancellation;  ///< of run()
};

std::shared_ptr<Connection> make_connection(std::shared_ptr<Shared> shared,
                                            asio::generic::stream_protocol::socket socket,
                                            HttpPeer peer);

}  // namespace croft::net
