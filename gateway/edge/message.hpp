#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace croft::edge {

// HTTP/1.1 messages as the edge reads them: Beast's parser below, without copies and without
// storage per field. Heads are views into the bytes they were read from; body pieces are views into
// the bytes of that call.

/// The fields that the edge acts on; all others are Other and pass through.
enum class Header : std::uint8_t {
  Other,
  Accept,
  Connection,
  ContentLength,
  Date,
  Expect,
  Forwarded,
  ForwardedFor,
  ForwardedHost,
  ForwardedProto,
  Host,
  IfNoneMatch,
  IfRange,
  KeepAlive,
  ProxyAuthenticate,
  ProxyAuthorization,
  ProxyConnection,
  Range,
  RealIp,
  Te,
  Trailer,
  TransferEncoding,
  Upgrade,
};

struct HeaderField {
  std::string_view name;
  std::string_view value;
  Header id = Header::Other;
};

enum class Method : std::uint8_t { Get, Head, Options, Put, Delete, Post, Connect, Trace, Other };

/// What both kinds of head have. The vector keeps its capacity from message to message.
struct MessageHead {
  int minor = 1;           ///< HTTP/1.minor
  bool keep_alive = true;  ///< by version and Connection field
  bool is_chunked = false;
  std::optional<std::uint64_t> content_length;
  std::vector<HeaderField> fields;

  /// The first field of that kind, or null.
  const HeaderField* find(Header id) const;
  /// Its value, or empty.
  std::string_view value(Header id) const;
};

struct RequestHead : MessageHead {
  Method method = Method::Other;
  std::string_view method_text;
  std::string_view target;
  std::string_view
      authority;  ///< of an absolute-form target if there is one, else the Host field's value
  bool wants_upgrade = false;  ///< asks to leave HTTP/1.1 for something that we tunnel (not h2c)

  bool has_body() const { return is_chunked || content_length.value_or(0) > 0; }
  /// May be sent twice without harm (RFC 9110, 9.2.2).
  bool is_idempotent() const { return method <= Method::Delete || method == Method::Trace; }
};

struct ResponseHead : MessageHead {
  int status = 0;
  std::string_view reason;
};

/// Where reading a message stands.
enum class ReadState : std::uint8_t {
  Head,    ///< the head is not complete: more bytes are needed
  Body,    ///< the head is there, the body is not complete
  Done,    ///< the message is complete
  Failed,  ///< no message of ours: see failure_status()
};

/// Reads one request after another. Refuses what two parsers could understand differently:
/// Content-Length beside Transfer-Encoding, several that differ, codings other than "chunked",
/// folded lines, missing or double Host.
class RequestReader {
 public:
  struct Limits {
    std::size_t head_bytes = 32 * 1024;
    std::size_t fields = 128;
    std::uint64_t body_bytes = UINT64_MAX;
  };
  explicit RequestReader(Limits limits);
  ~RequestReader();

  /// Forgets the message; the next call begins a new one.
  void reset();
  /// Takes the head from the beginning of `data`, which holds all bytes of the message so far.
  /// Gives how many bytes it has; 0 while it is not complete. The views in head() are into `data`.
  std::size_t read_head(std::string_view data);
  /// Takes body bytes that follow; appends the content among them to `pieces` and gives how many
  /// bytes were used. Less than all means that the rest belongs to the next message, or is half a
  /// chunk's header to be shown again.
  std::size_t read_body(std::string_view data, std::vector<std::string_view>& pieces);

  ReadState state() const;
  const RequestHead& head() const;
  /// After Failed: the status that says what is wrong (400, 413, 414, 417, 431, 501, 505).
  int failure_status() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Reads responses of what runs. Same rules.
class ResponseReader {
 public:
  explicit ResponseReader(std::size_t head_bytes);
  ~ResponseReader();
  ResponseReader(ResponseReader&&) noexcept;
  ResponseReader& operator=(ResponseReader&&) noexcept;

  /// Begins a new message; `to_head` if it answers a HEAD request and so has no body whatever its
  /// fields say.
  void reset(bool to_head);
  std::size_t read_head(std::string_view data);
  std::size_t read_body(std::string_view data, std::vector<std::string_view>& pieces);
  /// The connection ended: Done if that is how this body ends, else Failed.
  void end_of_stream();

  ReadState state() const;
  const ResponseHead& head() const;
  /// Its body ends with the connection.
  bool ends_with_connection() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The members of a comma-separated field value, trimmed, empty ones left out: calls
/// `visit(member)` for each until it gives true; says whether one did.
template <typename Visit>
bool any_member(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view member = list.substr(0, comma);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    const std::size_t begin = member.find_first_not_of(" \t");
    if (begin == std::string_view::npos) continue;
    member = member.substr(begin, member.find_last_not_of(" \t") - begin + 1);
    if (visit(member)) return true;
  }
  return false;
}

/// ASCII letters compare without case.
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace croft::edge
