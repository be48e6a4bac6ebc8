#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

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

/// The addresses of a host, as text; none if there is no such name. May be called on a thread of
/// its own.
using NameLookup = std::function<std::vector<std::string>(const std::string& host)>;

struct HttpClientSettings {
  Duration connect_timeout{5'000};
  Duration reply_timeout{300'000};      ///< until the head of the reply has come, sending included
  Duration idle_timeout{60'000};        ///< between two pieces of a body
  std::size_t body_limit = 64U << 20U;  ///< of send(); open() has none
  std::string certificate_authorities;  ///< PEM file to trust besides the system's, for https
  bool trusts_system = true;            ///< false: only those of `certificate_authorities`
  std::string certificate;  ///< PEM file: who we are (with its chain), if an https server asks
  std::string key;          ///< PEM file of its private key
  /// Connections that are kept open between two requests; with 0, each has one of its own.
  std::size_t idle_connections = 0;
  Duration idle_life{15'000};  ///< of such a connection: servers close them, too, after a while
  /// For addresses that strangers choose: connects only where anybody could (core/net/address.hpp),
  /// and to `allowed_networks`. What is looked at is the very address that is connected to, so that
  /// a name that changes its mind gets nowhere else.
  bool only_public = false;
  std::vector<std::string> allowed_networks;
  /// What names are looked up with, anew for each connection. Unset: the system's resolver.
  NameLookup lookup;
  /// Where names are looked up, so that one whose servers do not answer keeps no others waiting.
  /// Null: on the one thread that Asio has for it.
  std::shared_ptr<BlockingPool> resolver;
  /// How many lookups of names there may be at once, of all clients that share it. One goes on
  /// after who asked has given up: the system's resolver cannot be called off. Null: any number.
  std::shared_ptr<Semaphore> lookups;
  std::string hint = "is `croft serve` running?";  ///< of the error if nothing listens
};

/// A reply whose body is read as it comes. Its destruction closes the connection.
class HttpReply {
 public:
  virtual ~HttpReply() = default;
  int status = 0;
  HttpHeaders headers;
  // What bounds read(): those of the request to begin with.
  Duration idle_timeout{0};  ///< 0: none
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  /// The next piece of the body; empty at its end. Timeout if none came within idle_timeout,
  /// Unavailable if the connection broke.
  virtual Task<Result<std::string>> read() = 0;
  /// Closes the connection: a read that is awaited ends with Cancelled, and so do all later ones.
  virtual void cancel() = 0;
};

/// What became of a request to leave HTTP.
struct HttpUpgrade {
  int status = 0;
  HttpHeaders headers;
  std::string body;                    ///< of a refusal
  std::unique_ptr<ByteStream> stream;  ///< null if it was refused
};

/// Sends requests to one server. A copy is as good as the original and shares its idle connections.
/// Runs on the executor of the coroutine that calls it, always the same one if connections are
/// kept. Errors: Unavailable (nobody listens, broken; the hint says what to try), Denied (no access
/// to the socket, bad certificate), Timeout, Invalid (not HTTP, too large). A status of 400 and
/// above is no error.
///
/// A connection that was kept may turn out to be closed at the other end. A request that is safe to
/// repeat (GET, HEAD, PUT, DELETE, OPTIONS) is then sent once more on a new one; any other is
/// Unavailable, and nobody knows whether it was carried out.
class HttpClient {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  explicit HttpClient(ServerAddress server, HttpClientSettings settings = {});

  /// The whole reply; Timeout if it is not there at the deadline, whatever the settings allow.
  Task<Result<HttpResponse>> send(HttpRequest request, Deadline deadline = Deadline::max()) const;
  /// The head of the reply; the body is read by the caller.
  Task<Result<std::unique_ptr<HttpReply>>> open(HttpRequest request,
                                                Deadline deadline = Deadline::max()) const;

  /// Asks to leave HTTP for `protocol` ("tcp") and gives the raw connection if the server says 101.
  /// Its writes end with Timeout after the settings' idle_timeout; its reads wait for ever.
  Task<Result<HttpUpgrade>> upgrade(HttpRequest request, std::string protocol,
                                    Deadline deadline = Deadline::max()) const;

  const ServerAddress& server() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace croft
