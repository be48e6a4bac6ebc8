#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "core/net/http.hpp"

namespace croft {

/// Answers a request. An exception is a bug: it is logged and answered with 500.
using HttpHandler = std::function<Task<HttpResponse>(HttpRequest)>;

struct HttpServerSettings {
  std::size_t header_limit = 16U << 10U;
  /// How large this request's body may be; asked with the head, before any of the body is read.
  /// Unset: 1 MiB.
  std::function<Task<std::size_t>(const HttpRequest& head)> body_limit;
  /// Whether this request's body is not read before the handler runs, but by it (`source`); it has
  /// no limit then. Unset: never.
  std::function<Task<bool>(const HttpRequest& head)> streams_body;
  Duration idle_timeout{60'000};    ///< between requests of a connection
  Duration header_timeout{10'000};  ///< for a whole head, once it began
  Duration body_timeout{60'000};    ///< for a whole body, or a piece of one that is streamed
  Duration write_timeout{
      30'000};  ///< for a response, or a piece of a stream: a slower reader is dropped
  /// Whether listen_tcp() takes addresses besides loopback: only where what is answered is for
  /// anybody who can reach it.
  bool any_address = false;
  int connections = 256;  ///< at once for a listener; more wait in its backlog
  /// The answer to what never reaches the handler (malformed: 400, too slow: 408, too large: 413
  /// and 431). Unset: text.
  std::function<HttpResponse(int status, std::string message)> refuse;
};

/// An HTTP/1.1 server on unix sockets and TCP.
class HttpServer {
 public:
  HttpServer(asio::any_io_executor executor, HttpHandler handler, HttpServerSettings settings = {});
  /// Cuts off what stop() did not end.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Listens on a socket with these permissions; replaces one that nobody listens on. Conflict if
  /// somebody does.
  Result<void> listen_unix(const std::filesystem::path& path, unsigned mode);
  /// Listens on a loopback address and gives the port, which the system chooses for port 0. Denied
  /// for any other address, since there is no TLS here, unless the settings allow it. A host is an
  /// address, `localhost`, or `*` for every IPv4 address.
  Result<int> listen_tcp(const std::string& host, int port);

  /// Takes no new connection, ends streams, answers every request that arrived, then closes. After
  /// `grace`, what still runs is cut off.
  Task<> stop(Duration grace);

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace croft
