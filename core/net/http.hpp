#pragma once
// Room core/net: HTTP/1.1 over unix sockets and TCP, for the API and its clients. The edge, which
// serves strangers' traffic, has its own code in gateway/edge.
//
//   http              requests, responses, headers, targets: plain values
//   server            gives requests to a handler coroutine, stops without dropping one
//   client            sends one request a connection, reads replies whole or piece by piece
//   address           which addresses are the public Internet's, for a client that strangers steer
//   sse               server-sent events, written and read
//
// Boost.Beast stays inside the .cpp files. Everything here runs on one executor and is not thread
// safe.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/byte_stream.hpp"
#include "core/base/result.hpp"

namespace croft {

/// Header fields in the order in which they came; names are compared without case.
class HttpHeaders {
 public:
  using Field = std::pair<std::string, std::string>;

  HttpHeaders() = default;
  HttpHeaders(std::initializer_list<Field> fields) : fields_(fields) {}

  /// The first field of that name, or null.
  const std::string* find(std::string_view name) const;
  std::string value_or(std::string_view name, std::string_view fallback) const;
  void add(std::string name, std::string value);
  /// Replaces every field of that name.
  void set(std::string name, std::string value);
  const std::vector<Field>& fields() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

/// Who is at the other end of a connection.
struct HttpPeer {
  bool is_unix = false;
  std::uint32_t uid = 0;  ///< unix only: of the process that connected
  std::uint32_t gid = 0;
  std::int32_t pid = 0;
  std::string address;  ///< for logs: "unix uid 0", "127.0.0.1:4242"
};

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";  ///< percent-encoded: "/v1/resources?tenant=alice"
  HttpHeaders headers;
  std::string body;
  /// Of a client's request; set: `body` is not used; sent chunked, piece by piece. It cannot be
  /// sent twice, so such a request is never repeated by itself. Of a server's request whose body is
  /// streamed (HttpServerSettings::streams_body): the body as it comes, until the handler ends.
  ByteSource source;
  HttpPeer peer;  ///< filled in by the server
};

/// Where a streaming response goes.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  /// Sends a piece and waits until the connection took it. False: stop, nobody reads on.
  virtual Task<bool> write(std::string piece) = 0;
  /// The body stays without its end, so that the client knows that it is not whole. Nothing is
  /// written after it.
  virtual void abort() = 0;
  /// False once the client has gone, did not read for too long, or the server stops.
  virtual bool is_open() const = 0;
  /// Calls back once when is_open() turns false; at once if it did already.
  virtual void on_close(std::function<void()> listener) = 0;
};

/// Writes a body piece by piece; its end ends the response. The response outlives its run, so that
/// a lambda coroutine may use its captures.
using BodyStream = std::function<Task<>(BodyWriter& writer)>;

/// Goes on with a connection that has left HTTP; its end closes the connection. When the server
/// stops, reading and writing end with Cancelled. Outlives its run, as above. A reader who is slow
/// is waited for without limit of time.
using UpgradedStream = std::function<Task<>(ByteStream& stream)>;

struct HttpResponse {
  int status = 200;
  HttpHeaders headers;
  std::string body;
  BodyStream stream;  ///< set: `body` is not used; sent chunked, and the connection closes after it
  UpgradedStream upgraded;  ///< set: `status` is 101, and the headers say `Upgrade`
};

/// "Not Found" for 404.
std::string_view reason_phrase(int status);

/// A request's target taken apart.
struct RequestTarget {
  std::vector<std::string> segments;  ///< decoded: {"v1", "resources"}; never empty, "." or ".."
  std::vector<std::pair<std::string, std::string>> query;  ///< decoded, in order

  /// The first parameter of that name, or null.
  const std::string* parameter(std::string_view name) const;
};

/// Invalid for anything but an absolute path with well-formed escapes that decode to UTF-8 without
/// control characters. An escaped "/" stays inside its segment.
Result<RequestTarget> parse_target(std::string_view target);

/// Escapes everything but unreserved characters, for one path segment or query value.
std::string percent_encode(std::string_view text);

/// True if the bytes are well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view bytes);
/// The text with U+FFFD in the place of every byte that is not UTF-8.
std::string repair_utf8(std::string_view bytes);

}  // namespace croft
