#include "core/net/client.hpp"

#include <algorithm>
#include <sys/socket.h>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <openssl/ssl.h>

#include "core/net/endpoints.hpp"
#include "core/net/tls_context.hpp"

namespace croft {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace ssl = boost::asio::ssl;
using boost::system::error_code;
using PlainStream = beast::basic_stream<asio::generic::stream_protocol>;
using TlsStream = ssl::stream<PlainStream>;

using Deadline = HttpClient::Deadline;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

/// A timeout of 0 is none.
Deadline within(Duration timeout, Deadline deadline) {
  if (timeout == Duration::zero()) return deadline;
  return std::min(std::chrono::steady_clock::now() + timeout, deadline);
}

Error connect_error(const error_code& code, const ServerAddress& server, const std::string& hint) {
  const std::string what = "connecting to " + to_string(server);
  if (code == beast::error::timeout) {
    return Error(ErrorCode::Timeout, "no answer").while_doing(what);
  }
  if (code == boost::system::errc::permission_denied) {
    return Error(ErrorCode::Denied, "no permission to use the socket")
        .with_hint("run as the user that runs Croft, or as root")
        .while_doing(what);
  }
  const bool is_absent = code == boost::system::errc::no_such_file_or_directory ||
                         code == boost::system::errc::connection_refused;
  return Error(ErrorCode::Unavailable, is_absent ? "nothing listens there" : code.message())
      .with_hint(hint)
      .while_doing(what);
}

Error cancelled_error(const ServerAddress& server, std::string_view doing) {
  return Error(ErrorCode::Cancelled, "it was called off")
      .while_doing(std::string(doing) + " " + to_string(server));
}

Error transfer_error(const error_code& code, const ServerAddress& server, std::string_view doing) {
  const std::string what = std::string(doing) + " " + to_string(server);
  if (code == beast::error::timeout) {
    return Error(ErrorCode::Timeout, "nothing came in time").while_doing(what);
  }
  if (code == asio::error::operation_aborted) return cancelled_error(server, doing);
  if (code.category() == asio::error::get_ssl_category()) {
    // With TLS 1.3 a server refuses our certificate only after the handshake.
    return Error(ErrorCode::Denied, "the TLS connection was refused: " + code.message())
        .while_doing(what);
  }
  if (code == http::error::body_limit || code == http::error::header_limit) {
    return Error(ErrorCode::Invalid, "the reply is too large").while_doing(what);
  }
  if (code.category() == make_error_code(http::error::bad_version).category() &&
      code != http::error::end_of_stream && code != http::error::partial_message) {
    return Error(ErrorCode::Invalid, "the reply is not HTTP: " + code.message()).while_doing(what);
  }
  return Error(ErrorCode::Unavailable, "the connection broke: " + code.message()).while_doing(what);
}

// What differs between plain and TLS streams.
PlainStream& lowest(PlainStream& stream) { return stream; }
PlainStream& lowest(TlsStream& stream) { return stream.next_layer(); }

/// As the field Host has it: the port is named if it is not the scheme's own.
std::string host_of(const ServerAddress& server) {
  if (server.scheme == ServerAddress::Scheme::Unix) return "croft";
  const bool is_v6 = server.host.find(':') != std::string::npos;
  const std::string host = is_v6 ? "[" + server.host + "]" : server.host;
  const std::string usual = server.scheme == ServerAddress::Scheme::Https ? "443" : "80";
  return server.port == usual ? host : host + ":" + server.port;
}

/// The request; without its body and chunked if that comes from a source.
http::request<http::string_body> to_beast(HttpRequest request, const ServerAddress& server,
                                          bool keeps_alive) {
  http::request<http::string_body> message;
  message.version(11);
  message.method_string(request.method);
  message.target(request.target);
  message.set(http::field::host, host_of(server));
  message.set(http::field::user_agent, "croft");
  for (const auto& [name, value] : request.headers.fields()) {
    // There is one of these: the request's own counts.
    if (beast::iequals(name, "Host") || beast::iequals(name, "User-Agent")) {
      message.set(name, value);
    } else {
      message.insert(name, value);
    }
  }
  const bool is_said = message.find(http::field::connection) != message.end();
  if (!keeps_alive && !is_said) message.set(http::field::connection, "close");
  if (request.source) {
    message.chunked(true);
    return message;
  }
  message.body() = std::move(request.body);
  message.prepare_payload();
  return message;
}

/// Nothing to read: neither its end nor something that nobody asked for.
template <typename Stream>
bool is_quiet(Stream& stream) {
  char byte = 0;
  const ssize_t count =
      recv(lowest(stream).socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

/// Connections that wait for the next request. On one executor.
template <typename Stream>
class IdleConnections {
 public:
  IdleConnections(std::size_t most, Duration life) : most_(most), life_(life) {}

  bool keeps_any() const { return most_ > 0; }

  /// The one used last that is still open, or nothing.
  std::unique_ptr<Stream> take() {
    const auto now = std::chrono::steady_clock::now();
    while (!idle_.empty()) {
      Idle last = std::move(idle_.back());
      idle_.pop_back();
      if (now < last.until && is_quiet(*last.stream)) return std::move(last.stream);
    }
    return nullptr;
  }

  void keep(std::unique_ptr<Stream> stream) {
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(idle_, [&](const Idle& each) { return now >= each.until; });
    if (idle_.size() >= most_) return;
    lowest(*stream).expires_never();
    idle_.push_back({std::move(stream), now + life_});
  }

 private:
  struct Idle {
    std::unique_ptr<Stream> stream;
    Deadline until;
  };

  std::size_t most_;
  Duration life_;
  std::vector<Idle> idle_;
};

/// A connection that has left HTTP.
template <typename Stream>
class RawStream final : public ByteStream {
 public:
  /// `left_over` came with the reply.
  RawStream(std::unique_ptr<Stream> stream, std::string left_over, ServerAddress server,
            Duration write_timeout)
      : stream_(std::move(stream)),
        left_over_(std::move(left_over)),
        server_(std::move(server)),
        write_timeout_(write_timeout) {
    if constexpr (std::is_same_v<Stream, TlsStream>) take_over_writing();
  }

  Task<Result<std::string>> read() override {
    if (is_cancelled_) co_return fail(cancelled_error(server_, "reading from"));
    if (!left_over_.empty()) co_return std::exchange(left_over_, {});
    std::string piece(kPiece, '\0');
    lowest(*stream_).expires_never();
    auto [code, count] = co_await stream_->async_read_some(asio::buffer(piece), kAwait);
    const bool is_end = code == asio::error::eof || code == ssl::error::stream_truncated;
    if (code && !is_end) co_return fail(transfer_error(code, server_, "reading from"));
    piece.resize(count);
    co_return piece;
  }

  Task<Result<void>> write(std::string bytes) override {
    if (is_cancelled_) co_return fail(cancelled_error(server_, "writing to"));
    if (bytes.empty()) co_return Result<void>();
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      if (SSL_write(stream_->native_handle(), bytes.data(), static_cast<int>(bytes.size())) <= 0) {
        co_return fail(ErrorCode::Unavailable, "the connection takes nothing more");
      }
      bytes = take_written();
    }
    co_return co_await send(std::move(bytes));
  }

  Task<Result<void>> close_write() override {
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      SSL_shutdown(stream_->native_handle());
      co_return co_await send(take_written());
    } else {
      error_code code;
      stream_->socket().shutdown(asio::socket_base::shutdown_send, code);
      if (code) co_return fail(transfer_error(code, server_, "ending what is sent to"));
      co_return Result<void>();
    }
  }

  void cancel() override {
    is_cancelled_ = true;
    lowest(*stream_).close();
  }

 private:
  static constexpr std::size_t kPiece = 32U << 10U;

  Task<Result<void>> send(std::string bytes) {
    lowest(*stream_).expires_at(within(write_timeout_, Deadline::max()));
    auto [code, count] = co_await asio::async_write(lowest(*stream_), asio::buffer(bytes), kAwait);
    if (code) co_return fail(transfer_error(code, server_, "writing to"));
    co_return Result<void>();
  }

  /// Asio's stream can end its writing half only by waiting for the other side's end, too, which
  /// would take the reader's bytes. So what TLS has to say goes from here on to a buffer of ours
  /// and from there to the socket; what it hears still comes through Asio.
  void take_over_writing() {
    written_ = BIO_new(BIO_s_mem());
    SSL_set0_wbio(stream_->native_handle(), written_);
  }

  std::string take_written() {
    std::string bytes(BIO_ctrl_pending(written_), '\0');
    const int count = BIO_read(written_, bytes.data(), static_cast<int>(bytes.size()));
    bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return bytes;
  }

  std::unique_ptr<Stream> stream_;
  std::string left_over_;
  ServerAddress server_;
  Duration write_timeout_;
  bool is_cancelled_ = false;
  BIO* written_ = nullptr;  // TLS only; the stream owns it
};

/// A connection with one exchange on it.
template <typename Stream>
class Exchange final : public HttpReply {
 public:
  Exchange(std::unique_ptr<Stream> stream, std::shared_ptr<IdleConnections<Stream>> idle,
           ServerAddress server, const HttpClientSettings& settings, Deadline until)
      : stream_(std::move(stream)),
        idle_(std::move(idle)),
        server_(std::move(server)),
        reply_timeout_(settings.reply_timeout) {
    idle_timeout = settings.idle_timeout;
    deadline = until;
    parser_.body_limit(boost::none);
    parser_.header_limit(64U << 10U);
  }

  Task<Result<void>> begin(HttpRequest request) {
    parser_.skip(request.method == "HEAD");  // its length is that of a body which does not come
    const ByteSource source = request.source;
    auto message = to_beast(std::move(request), server_, idle_->keeps_any());
    error_code write_code;
    lowest(*stream_).expires_at(within(reply_timeout_, deadline));
    if (source) {
      http::request_serializer<http::string_body> serializer(message);
      auto [code, count] = co_await http::async_write_header(*stream_, serializer, kAwait);
      write_code = code;
      if (!code) {
        CO_TRY_ASSIGN(write_code, co_await send_from(source));
      }
    } else {
      auto [code, count] = co_await http::async_write(*stream_, message, kAwait);
      write_code = code;
    }
    // A server that refuses a large body answers before it has read all of it: look for the answer
    // anyway.
    is_spent_ = bool(write_code);
    co_return co_await read_head(write_code);
  }

  /// The connection ended before anything came, as one does that was closed while it was idle.
  bool got_nothing() const { return got_nothing_; }

  Task<Result<std::string>> read() override {
    if (is_cancelled_) co_return fail(cancelled_error(server_, "reading from"));
    if (!stream_) co_return std::string();
    std::string piece = std::exchange(parser_.get().body(), {});
    while (piece.empty() && !parser_.is_done()) {
      lowest(*stream_).expires_at(within(idle_timeout, deadline));
      auto [code, count] = co_await http::async_read_some(*stream_, buffer_, parser_, kAwait);
      if (code) co_return fail(transfer_error(code, server_, "reading from"));
      piece = std::exchange(parser_.get().body(), {});
    }
    if (piece.empty()) give_back();
    co_return piece;
  }

  void cancel() override {
    is_cancelled_ = true;
    if (stream_) lowest(*stream_).close();
  }

  /// After a 101.
  std::unique_ptr<ByteStream> leave_http() {
    std::string left_over = beast::buffers_to_string(buffer_.data());
    return std::make_unique<RawStream<Stream>>(std::move(stream_), std::move(left_over), server_,
                                               idle_timeout);
  }

 private:
  /// The code of a write that failed; an Error if the source did.
  Task<Result<error_code>> send_from(ByteSource source) {
    for (;;) {
      CO_TRY_ASSIGN(const std::string piece, co_await source());
      if (co_await is_refused()) co_return make_error_code(boost::system::errc::broken_pipe);
      lowest(*stream_).expires_at(within(idle_timeout, deadline));
      if (piece.empty()) {
        auto [code, count] = co_await asio::async_write(*stream_, http::make_chunk_last(), kAwait);
        co_return code;
      }
      const auto chunk = http::make_chunk(asio::buffer(piece));
      auto [code, count] = co_await asio::async_write(*stream_, chunk, kAwait);
      if (code) co_return code;
    }
  }

  /// Whether the answer has come before the whole body went out, and is that no more is wanted.
  Task<bool> is_refused() {
    // What is to be read below TLS may be of its own.
    if (std::is_same_v<Stream, TlsStream> || parser_.is_header_done() || is_quiet(*stream_)) {
      co_return false;
    }
    lowest(*stream_).expires_at(within(reply_timeout_, deadline));
    auto [code, count] = co_await http::async_read_header(*stream_, buffer_, parser_, kAwait);
    early_code_ = code;
    co_return code || parser_.get().result_int() >= 300;
  }

  Task<Result<void>> read_head(error_code write_code) {
    error_code code = early_code_;
    if (!code && !parser_.is_header_done()) {
      lowest(*stream_).expires_at(within(reply_timeout_, deadline));
      auto [read_code, count] =
          co_await http::async_read_header(*stream_, buffer_, parser_, kAwait);
      code = read_code;
    }
    got_nothing_ = !parser_.got_some() && code != beast::error::timeout;
    if (code) co_return fail(transfer_error(write_code ? write_code : code, server_, "asking"));
    status = parser_.get().result_int();
    for (const auto& field : parser_.get()) {
      headers.add(std::string(field.name_string()), std::string(field.value()));
    }
    co_return Result<void>();
  }

  void give_back() {
    const bool is_usable = !is_spent_ && parser_.keep_alive() && buffer_.size() == 0;
    if (is_usable && idle_->keeps_any()) idle_->keep(std::move(stream_));
  }

  std::unique_ptr<Stream> stream_;  // null once it was given back
  std::shared_ptr<IdleConnections<Stream>> idle_;
  ServerAddress server_;
  Duration reply_timeout_;
  bool got_nothing_ = false;
  bool is_spent_ = false;  // not all of the request was sent
  bool is_cancelled_ = false;
  error_code early_code_;
  beast::flat_buffer buffer_{128U << 10U};
  http::response_parser<http::string_body> parser_;
};

Task<Result<std::unique_ptr<PlainStream>>> connect(ServerAddress server,
                                                   HttpClientSettings settings, Deadline deadline) {
  const Deadline found_by = within(settings.connect_timeout, deadline);
  CO_TRY_ASSIGN(const net::Endpoints endpoints,
                co_await net::endpoints_of(server, settings, found_by));
  error_code last = make_error_code(boost::system::errc::connection_refused);
  for (const auto& endpoint : endpoints) {
    auto stream = std::make_unique<PlainStream>(co_await asio::this_coro::executor);
    stream->expires_at(within(settings.connect_timeout, deadline));
    auto [code] = co_await stream->async_connect(endpoint, kAwait);
    error_code ignored;
    if (!code && server.scheme != ServerAddress::Scheme::Unix)
      stream->socket().set_option(asio::ip::tcp::no_delay(true), ignored);
    if (!code) co_return stream;
    last = code;
  }
  co_return fail(connect_error(last, server, settings.hint));
}

Task<Result<std::unique_ptr<TlsStream>>> secure(std::unique_ptr<PlainStream> plain,
                                                std::shared_ptr<ssl::context> context,
                                                ServerAddress server, HttpClientSettings settings,
                                                Deadline deadline) {
  auto stream = std::make_unique<TlsStream>(std::move(*plain), *context);
  // What the macro SSL_set_tlsext_host_name does, without its C cast.
  SSL_ctrl(stream->native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
           server.host.data());
  stream->set_verify_callback(ssl::host_name_verification(server.host));
  lowest(*stream).expires_at(within(settings.connect_timeout, deadline));
  auto [code] = co_await stream->async_handshake(ssl::stream_base::client, kAwait);
  if (!code) co_return stream;
  if (code == beast::error::timeout) co_return fail(connect_error(code, server, settings.hint));
  co_return fail(Error(ErrorCode::Denied, "its certificate is not trusted: " + code.message())
                     .while_doing("connecting to " + to_string(server)));
}

bool is_safe_to_repeat(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" ||
         method == "OPTIONS";
}

}  // namespace

/// What all copies of a client have in common.
struct HttpClient::Shared {
  Shared(ServerAddress to, HttpClientSettings with)
      : server(std::move(to)),
        settings(std::move(with)),
        plain(std::make_shared<IdleConnections<PlainStream>>(settings.idle_connections,
                                                             settings.idle_life)),
        tls(std::make_shared<IdleConnections<TlsStream>>(settings.idle_connections,
                                                         settings.idle_life)) {}

  Task<Result<std::unique_ptr<PlainStream>>> make_plain(Deadline deadline) {
    return connect(server, settings, deadline);
  }
  Task<Result<std::unique_ptr<TlsStream>>> make_tls(Deadline deadline) {
    CO_TRY_ASSIGN(const std::shared_ptr<ssl::context> with, net::tls_context(settings));
    CO_TRY_ASSIGN(std::unique_ptr<PlainStream> under, co_await connect(server, settings, deadline));
    co_return co_await secure(std::move(under), with, server, settings, deadline);
  }

  ServerAddress server;
  HttpClientSettings settings;
  std::shared_ptr<IdleConnections<PlainStream>> plain;
  std::shared_ptr<IdleConnections<TlsStream>> tls;
};

namespace {

/// One exchange on a connection that is kept or made. `shared` outlives it: the caller has it.
template <typename Stream, typename Shared, typename Make>
Task<Result<std::unique_ptr<HttpReply>>> exchange(std::shared_ptr<Shared> shared,
                                                  std::shared_ptr<IdleConnections<Stream>> idle,
                                                  Make make, HttpRequest request,
                                                  Deadline deadline) {
  const HttpClientSettings& settings = shared->settings;
  // A body that comes from a source cannot be sent again: it goes on a new connection.
  std::unique_ptr<Stream> kept = request.source ? nullptr : idle->take();
  if (kept) {
    auto reply = std::make_unique<Exchange<Stream>>(std::move(kept), idle, shared->server, settings,
                                                    deadline);
    HttpRequest copy = request;
    Result<void> begun = co_await reply->begin(std::move(copy));
    if (begun) co_return std::unique_ptr<HttpReply>(std::move(reply));
    if (!reply->got_nothing() || !is_safe_to_repeat(request.method))
      co_return std::unexpected(std::move(begun.error()));
  }
  CO_TRY_ASSIGN(std::unique_ptr<Stream> stream, co_await make(deadline));
  auto reply = std::make_unique<Exchange<Stream>>(std::move(stream), idle, shared->server, settings,
                                                  deadline);
  CO_TRY(co_await reply->begin(std::move(request)));
  co_return std::unique_ptr<HttpReply>(std::move(reply));
}

/// The rest of a reply's body.
Task<Result<std::string>> read_all(HttpReply& reply, std::size_t limit, std::string server) {
  std::string body;
  for (;;) {
    CO_TRY_ASSIGN(const std::string piece, co_await reply.read());
    if (piece.empty()) co_return body;
    body += piece;
    if (body.size() > limit) {
      co_return fail(ErrorCode::Invalid, "the reply of " + server + " is too large");
    }
  }
}

/// Asks to leave HTTP on a connection of its own.
template <typename Stream, typename Shared>
Task<Result<HttpUpgrade>> leave_http(std::shared_ptr<Shared> shared, std::unique_ptr<Stream> stream,
                                     HttpRequest request, Deadline deadline) {
  const HttpClientSettings& settings = shared->settings;
  auto none = std::make_shared<IdleConnections<Stream>>(0, Duration::zero());
  Exchange<Stream> asked(std::move(stream), none, shared->server, settings, deadline);
  CO_TRY(co_await asked.begin(std::move(request)));
  HttpUpgrade upgrade{asked.status, asked.headers, {}, nullptr};
  if (asked.status == 101) {
    upgrade.stream = asked.leave_http();
    co_return upgrade;
  }
  CO_TRY_ASSIGN(upgrade.body,
                co_await read_all(asked, settings.body_limit, to_string(shared->server)));
  co_return upgrade;
}

}  // namespace

HttpClient::HttpClient(ServerAddress server, HttpClientSettings settings)
    : shared_(std::make_shared<Shared>(std::move(server), std::move(settings))) {}

const ServerAddress& HttpClient::server() const { return shared_->server; }

Task<Result<std::unique_ptr<HttpReply>>> HttpClient::open(HttpRequest request,
                                                          Deadline deadline) const {
  const std::shared_ptr<Shared> shared = shared_;
  if (shared->server.scheme != ServerAddress::Scheme::Https) {
    auto make = [shared](Deadline until) { return shared->make_plain(until); };
    co_return co_await exchange(shared, shared->plain, make, std::move(request), deadline);
  }
  auto make = [shared](Deadline until) { return shared->make_tls(until); };
  co_return co_await exchange(shared, shared->tls, make, std::move(request), deadline);
}

Task<Result<HttpResponse>> HttpClient::send(HttpRequest request, Deadline deadline) const {
  const std::shared_ptr<Shared> shared = shared_;
  CO_TRY_ASSIGN(const std::unique_ptr<HttpReply> reply,
                co_await open(std::move(request), deadline));
  HttpResponse response;
  response.status = reply->status;
  response.headers = reply->headers;
  CO_TRY_ASSIGN(response.body,
                co_await read_all(*reply, shared->settings.body_limit, to_string(shared->server)));
  co_return response;
}

Task<Result<HttpUpgrade>> HttpClient::upgrade(HttpRequest request, std::string protocol,
                                              Deadline deadline) const {
  const std::shared_ptr<Shared> shared = shared_;
  request.headers.set("Connection", "Upgrade");
  request.headers.set("Upgrade", std::move(protocol));
  if (shared->server.scheme != ServerAddress::Scheme::Https) {
    CO_TRY_ASSIGN(std::unique_ptr<PlainStream> stream, co_await shared->make_plain(deadline));
    co_return co_await leave_http(shared, std::move(stream), std::move(request), deadline);
  }
  CO_TRY_ASSIGN(std::unique_ptr<TlsStream> stream, co_await shared->make_tls(deadline));
  co_return co_await leave_http(shared, std::move(stream), std::move(request), deadline);
}

}  // namespace croft
