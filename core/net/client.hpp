#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/net/http.hpp"

namespace croft {

/// Where a server is.
struct ServerAddress {
  enum class Scheme { Unix, Http, Https };
  Scheme scheme = Scheme::Unix;
  std::string path;  ///< Unix: of the socket
  std::string host;  ///< Http, Https
  std::string port;

  bool operator==(const ServerAddress&) const = default;
};

/// Reads "unix:/run/croft/api.sock", "/run/croft/api.sock", "http://host:port" or
/// "https://host[:port]".
Result<ServerAddress> parse_server_address(std::string_view text);
std::string to_string(const ServerAddress& address);

struct HttpClientSettings {
  Duration connect_timeout{5'000};
  Duration reply_timeout{300'000};      ///< until the head of the reply has come, sending included
  Duration idle_timeout{60'000};        ///< between two pieces of a body
  std::size_t body_limit = 64U << 20U;  ///< of send(); open() has none
  std::string certificate_authorities;  ///< PEM file to trust besides the system's, for https
};

/// A reply whose body is read as it comes. Its destruction closes the connection.
class HttpReply {
 public:
  virtual ~HttpReply() = default;
  int status = 0;
  HttpHeaders headers;
  /// The next piece of the body; empty at its end. Timeout if none came within idle_timeout,
  /// Unavailable if the connection broke.
  virtual Task<Result<std::string>> read() = 0;
};

/// Sends requests to one server, each on a connection of its own. A copy is as good as the
/// original. Runs on the executor of the coroutine that calls it. Errors: Unavailable (nobody
/// listens, broken; the hint says what to try), Denied (no access to the socket, bad certificate),
/// Timeout, Invalid (not HTTP, too large). A status of 400 and above is no error.
class HttpClient {
 public:
  explicit HttpClient(ServerAddress server, HttpClientSettings settings = {});

  /// The whole reply.
  Task<Result<HttpResponse>> send(HttpRequest request) const;
  /// The head of the reply; the body is read by the caller.
  Task<Result<std::unique_ptr<HttpReply>>> open(HttpRequest request) const;

  const ServerAddress& server() const { return server_; }

 private:
  ServerAddress server_;
  HttpClientSettings settings_;
};

}  // namespace croft
