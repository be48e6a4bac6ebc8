#include "core/net/client.hpp"

#include <algorithm>
#include <sys/socket.h>
#include <sys/un.h>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <openssl/ssl.h>

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

Deadline within(Duration timeout, Deadline deadline) {
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

Error transfer_error(const error_code& code, const ServerAddress& server, std::string_view doing) {
  const std::string what = std::string(doing) + " " + to_string(server);
  if (code == beast::error::timeout) {
    return Error(ErrorCode::Timeout, "nothing came in time").while_doing(what);
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

http::request<http::string_body> to_beast(HttpRequest request, const ServerAddress& server,
                                          bool keeps_alive) {
  http::request<http::string_body> message;
  message.version(11);
  message.method_string(request.method);
  message.target(request.target);
  message.set(http::field::host,
              server.scheme == ServerAddress::Scheme::Unix ? "croft" : server.host);
  message.set(http::field::user_agent, "croft");
  for (const auto& [name, value] : request.headers.fields()) message.insert(name, value);
  if (!keeps_alive) message.set(http::field::connection, "close");
  message.body() = std::move(request.body);
  message.prepare_payload();
  return message;
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

  /// Nothing to read: neither its end nor something that nobody asked for.
  static bool is_quiet(Stream& stream) {
    char byte = 0;
    const ssize_t count =
        recv(lowest(stream).socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

  std::size_t most_;
  Duration life_;
  std::vector<Idle> idle_;
};

/// A connection with one exchange on it.
template <typename Stream>
class Exchange final : public HttpReply {
 public:
  Exchange(std::unique_ptr<Stream> stream, std::shared_ptr<IdleConnections<Stream>> idle,
           ServerAddress server, Duration idle_timeout, Deadline deadline)
      : stream_(std::move(stream)),
        idle_(std::move(idle)),
        server_(std::move(server)),
        idle_timeout_(idle_timeout),
        deadline_(deadline) {
    parser_.body_limit(boost::none);
    parser_.header_limit(64U << 10U);
  }

  Task<Result<void>> begin(HttpRequest request, Duration timeout) {
    parser_.skip(request.method == "HEAD");  // its length is that of a body which does not come
    const auto message = to_beast(std::move(request), server_, idle_->keeps_any());
    lowest(*stream_).expires_at(within(timeout, deadline_));
    auto [write_code, written] = co_await http::async_write(*stream_, message, kAwait);
    // A server that refuses a large body answers before it has read all of it: look for the answer
    // anyway.
    auto [code, count] = co_await http::async_read_header(*stream_, buffer_, parser_, kAwait);
    got_nothing_ = !parser_.got_some() && code != beast::error::timeout;
    if (code) co_return fail(transfer_error(write_code ? write_code : code, server_, "asking"));
    status = parser_.get().result_int();
    for (const auto& field : parser_.get()) {
      headers.add(std::string(field.name_string()), std::string(field.value()));
    }
    co_return Result<void>();
  }

  /// The connection ended before anything came, as one does that was closed while it was idle.
  bool got_nothing() const { return got_nothing_; }

  Task<Result<std::string>> read() override {
    std::string piece = std::exchange(parser_.get().body(), {});
    while (piece.empty() && !parser_.is_done()) {
      lowest(*stream_).expires_at(within(idle_timeout_, deadline_));
      auto [code, count] = co_await http::async_read_some(*stream_, buffer_, parser_, kAwait);
      if (code) co_return fail(transfer_error(code, server_, "reading from"));
      piece = std::exchange(parser_.get().body(), {});
    }
    if (piece.empty()) give_back();
    co_return piece;
  }

 private:
  void give_back() {
    const bool is_usable = stream_ && parser_.keep_alive() && buffer_.size() == 0;
    if (is_usable && idle_->keeps_any()) idle_->keep(std::move(stream_));
  }

  std::unique_ptr<Stream> stream_;  // null once it was given back
  std::shared_ptr<IdleConnections<Stream>> idle_;
  ServerAddress server_;
  Duration idle_timeout_;
  Deadline deadline_;
  bool got_nothing_ = false;
  beast::flat_buffer buffer_{128U << 10U};
  http::response_parser<http::string_body> parser_;
};

Result<asio::generic::stream_protocol::endpoint> unix_endpoint(const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(ErrorCode::Invalid, "the socket's path is longer than the system allows: " + path);
  }
  return asio::generic::stream_protocol::endpoint(asio::local::stream_protocol::endpoint(path));
}

using Endpoints = std::vector<asio::generic::stream_protocol::endpoint>;

Task<Result<Endpoints>> resolve(ServerAddress server) {
  Endpoints endpoints;
  if (server.scheme == ServerAddress::Scheme::Unix) {
    CO_TRY_ASSIGN(auto endpoint, unix_endpoint(server.path));
    endpoints.push_back(endpoint);
    co_return endpoints;
  }
  error_code is_name;
  const asio::ip::address address = asio::ip::make_address(server.host, is_name);
  if (!is_name) {
    const auto port = static_cast<std::uint16_t>(std::atoi(server.port.c_str()));
    endpoints.emplace_back(asio::ip::tcp::endpoint(address, port));
    co_return endpoints;
  }
  asio::ip::tcp::resolver resolver(co_await asio::this_coro::executor);
  auto [code, results] = co_await resolver.async_resolve(server.host, server.port, kAwait);
  if (code) {
    co_return fail(Error(ErrorCode::Unavailable, "cannot resolve its name: " + code.message())
                       .while_doing("connecting to " + to_string(server)));
  }
  for (const auto& entry : results) endpoints.emplace_back(entry.endpoint());
  co_return endpoints;
}

Task<Result<std::unique_ptr<PlainStream>>> connect(ServerAddress server,
                                                   HttpClientSettings settings, Deadline deadline) {
  CO_TRY_ASSIGN(const Endpoints endpoints, co_await resolve(server));
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

Result<void> trust(ssl::context& context, const HttpClientSettings& settings) {
  error_code code;
  context.set_verify_mode(ssl::verify_peer);
  context.set_default_verify_paths(code);
  if (!settings.certificate_authorities.empty()) {
    context.load_verify_file(settings.certificate_authorities, code);
    if (code) {
      return fail(ErrorCode::Invalid, "cannot read the certificates in " +
                                          settings.certificate_authorities + ": " + code.message());
    }
  }
  return {};
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

Result<ServerAddress> parse_authority(ServerAddress address, std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  const std::size_t bracket = text.find(']');
  const std::size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  address.host = text.substr(0, colon);
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  const bool is_tls = address.scheme == ServerAddress::Scheme::Https;
  address.port = colon == std::string_view::npos ? (is_tls ? "443" : "80") : text.substr(colon + 1);
  const bool has_digits = !address.port.empty() && address.port.size() <= 5 &&
                          address.port.find_first_not_of("0123456789") == std::string::npos;
  if (address.host.empty() || !has_digits ||
      address.host.find_first_of("/?#@ ") != std::string::npos) {
    return fail(ErrorCode::Invalid, "expected HOST:PORT, got '" + std::string(text) + "'");
  }
  return address;
}

}  // namespace

Result<ServerAddress> parse_server_address(std::string_view text) {
  ServerAddress address;
  if (text.starts_with("http://")) {
    address.scheme = ServerAddress::Scheme::Http;
    return parse_authority(std::move(address), text.substr(7));
  }
  if (text.starts_with("https://")) {
    address.scheme = ServerAddress::Scheme::Https;
    return parse_authority(std::move(address), text.substr(8));
  }
  if (text.starts_with("unix:")) text.remove_prefix(5);
  if (!text.starts_with('/') && !text.starts_with("./")) {
    return fail(Error(ErrorCode::Invalid, "no server address: '" + std::string(text) + "'")
                    .with_hint("use unix:/PATH, http://HOST:PORT or https://HOST"));
  }
  address.path = text;
  return address;
}

std::string to_string(const ServerAddress& address) {
  if (address.scheme == ServerAddress::Scheme::Unix) return "unix:" + address.path;
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return std::string(address.scheme == ServerAddress::Scheme::Https ? "https://" : "http://") +
         (is_v6 ? "[" + address.host + "]" : address.host) + ":" + address.port;
}

/// What all copies of a client have in common.
struct HttpClient::Shared {
  Shared(ServerAddress to, HttpClientSettings with)
      : server(std::move(to)),
        settings(std::move(with)),
        plain(std::make_shared<IdleConnections<PlainStream>>(settings.idle_connections,
                                                             settings.idle_life)),
        tls(std::make_shared<IdleConnections<TlsStream>>(settings.idle_connections,
                                                         settings.idle_life)) {}

  /// Reading the certificates that are trusted takes longer than a request.
  Result<std::shared_ptr<ssl::context>> trusted() {
    if (context) return context;
    auto made = std::make_shared<ssl::context>(ssl::context::tls_client);
    TRY(trust(*made, settings));
    context = std::move(made);
    return context;
  }

  Task<Result<std::unique_ptr<PlainStream>>> make_plain(Deadline deadline) {
    return connect(server, settings, deadline);
  }
  Task<Result<std::unique_ptr<TlsStream>>> make_tls(Deadline deadline) {
    CO_TRY_ASSIGN(const std::shared_ptr<ssl::context> with, trusted());
    CO_TRY_ASSIGN(std::unique_ptr<PlainStream> under, co_await connect(server, settings, deadline));
    co_return co_await secure(std::move(under), with, server, settings, deadline);
  }

  ServerAddress server;
  HttpClientSettings settings;
  std::shared_ptr<IdleConnections<PlainStream>> plain;
  std::shared_ptr<IdleConnections<TlsStream>> tls;
  std::shared_ptr<ssl::context> context;
};

namespace {

/// One exchange on a connection that is kept or made. `shared` outlives it: the caller has it.
template <typename Stream, typename Shared, typename Make>
Task<Result<std::unique_ptr<HttpReply>>> exchange(std::shared_ptr<Shared> shared,
                                                  std::shared_ptr<IdleConnections<Stream>> idle,
                                                  Make make, HttpRequest request,
                                                  Deadline deadline) {
  const HttpClientSettings& settings = shared->settings;
  std::unique_ptr<Stream> kept = idle->take();
  if (kept) {
    auto reply = std::make_unique<Exchange<Stream>>(std::move(kept), idle, shared->server,
                                                    settings.idle_timeout, deadline);
    HttpRequest copy = request;
    Result<void> begun = co_await reply->begin(std::move(copy), settings.reply_timeout);
    if (begun) co_return std::unique_ptr<HttpReply>(std::move(reply));
    if (!reply->got_nothing() || !is_safe_to_repeat(request.method))
      co_return std::unexpected(std::move(begun.error()));
  }
  CO_TRY_ASSIGN(std::unique_ptr<Stream> stream, co_await make(deadline));
  auto reply = std::make_unique<Exchange<Stream>>(std::move(stream), idle, shared->server,
                                                  settings.idle_timeout, deadline);
  CO_TRY(co_await reply->begin(std::move(request), settings.reply_timeout));
  co_return std::unique_ptr<HttpReply>(std::move(reply));
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
  for (;;) {
    CO_TRY_ASSIGN(const std::string piece, co_await reply->read());
    if (piece.empty()) co_return response;
    response.body += piece;
    if (response.body.size() > shared->settings.body_limit) {
      co_return fail(ErrorCode::Invalid,
                     "the reply of " + to_string(shared->server) + " is too large");
    }
  }
}

}  // namespace croft
