#include "core/net/client.hpp"

#include <limits>
#include <sys/un.h>

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

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

Error connect_error(const error_code& code, const ServerAddress& server) {
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
      .with_hint("is `croft serve` running?")
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

http::request<http::string_body> to_beast(HttpRequest request, const ServerAddress& server) {
  http::request<http::string_body> message;
  message.version(11);
  message.method_string(request.method);
  message.target(request.target);
  message.set(http::field::host,
              server.scheme == ServerAddress::Scheme::Unix ? "croft" : server.host);
  message.set(http::field::user_agent, "croft");
  for (const auto& [name, value] : request.headers.fields()) message.insert(name, value);
  message.set(http::field::connection, "close");
  message.body() = std::move(request.body);
  message.prepare_payload();
  return message;
}

/// A connection with one exchange on it.
template <typename Stream>
class Exchange final : public HttpReply {
 public:
  Exchange(Stream stream, ServerAddress server, const HttpClientSettings& settings)
      : stream_(std::move(stream)),
        server_(std::move(server)),
        idle_timeout_(settings.idle_timeout) {
    parser_.body_limit(boost::none);
    parser_.header_limit(64U << 10U);
  }

  Task<Result<void>> begin(HttpRequest request, Duration timeout) {
    parser_.skip(request.method == "HEAD");  // its length is that of a body which does not come
    const auto message = to_beast(std::move(request), server_);
    lowest(stream_).expires_after(timeout);
    auto [write_code, written] = co_await http::async_write(stream_, message, kAwait);
    // A server that refuses a large body answers before it has read all of it: look for the answer
    // anyway.
    auto [code, count] = co_await http::async_read_header(stream_, buffer_, parser_, kAwait);
    if (code) co_return fail(transfer_error(write_code ? write_code : code, server_, "asking"));
    status = parser_.get().result_int();
    for (const auto& field : parser_.get()) {
      headers.add(std::string(field.name_string()), std::string(field.value()));
    }
    co_return Result<void>();
  }

  Task<Result<std::string>> read() override {
    std::string piece = std::exchange(parser_.get().body(), {});
    while (piece.empty() && !parser_.is_done()) {
      lowest(stream_).expires_after(idle_timeout_);
      auto [code, count] = co_await http::async_read_some(stream_, buffer_, parser_, kAwait);
      if (code) co_return fail(transfer_error(code, server_, "reading from"));
      piece = std::exchange(parser_.get().body(), {});
    }
    co_return piece;
  }

 private:
  Stream stream_;
  ServerAddress server_;
  Duration idle_timeout_;
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
  asio::ip::tcp::resolver resolver(co_await asio::this_coro::executor);
  auto [code, results] = co_await resolver.async_resolve(server.host, server.port, kAwait);
  if (code) {
    co_return fail(Error(ErrorCode::Unavailable, "cannot resolve its name: " + code.message())
                       .while_doing("connecting to " + to_string(server)));
  }
  for (const auto& entry : results) endpoints.emplace_back(entry.endpoint());
  co_return endpoints;
}

Task<Result<PlainStream>> connect(ServerAddress server, Duration timeout) {
  CO_TRY_ASSIGN(const Endpoints endpoints, co_await resolve(server));
  error_code last = make_error_code(boost::system::errc::connection_refused);
  for (const auto& endpoint : endpoints) {
    PlainStream stream(co_await asio::this_coro::executor);
    stream.expires_after(timeout);
    auto [code] = co_await stream.async_connect(endpoint, kAwait);
    if (!code) co_return stream;
    last = code;
  }
  co_return fail(connect_error(last, server));
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

Task<Result<TlsStream>> secure(PlainStream plain, ServerAddress server,
                               HttpClientSettings settings) {
  ssl::context context(ssl::context::tls_client);
  CO_TRY(trust(context, settings));
  TlsStream stream(std::move(plain), context);  // keeps what it needs of the context
  // What the macro SSL_set_tlsext_host_name does, without its C cast.
  SSL_ctrl(stream.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
           server.host.data());
  stream.set_verify_callback(ssl::host_name_verification(server.host));
  lowest(stream).expires_after(settings.connect_timeout);
  auto [code] = co_await stream.async_handshake(ssl::stream_base::client, kAwait);
  if (!code) co_return stream;
  if (code == beast::error::timeout) co_return fail(connect_error(code, server));
  co_return fail(Error(ErrorCode::Denied, "its certificate is not trusted: " + code.message())
                     .while_doing("connecting to " + to_string(server)));
}

template <typename Stream>
Task<Result<std::unique_ptr<HttpReply>>> exchange(Stream stream, ServerAddress server,
                                                  HttpClientSettings settings,
                                                  HttpRequest request) {
  auto reply = std::make_unique<Exchange<Stream>>(std::move(stream), std::move(server), settings);
  CO_TRY(co_await reply->begin(std::move(request), settings.reply_timeout));
  co_return std::unique_ptr<HttpReply>(std::move(reply));
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

HttpClient::HttpClient(ServerAddress server, HttpClientSettings settings)
    : server_(std::move(server)), settings_(std::move(settings)) {}

Task<Result<std::unique_ptr<HttpReply>>> HttpClient::open(HttpRequest request) const {
  CO_TRY_ASSIGN(PlainStream plain, co_await connect(server_, settings_.connect_timeout));
  if (server_.scheme != ServerAddress::Scheme::Https) {
    co_return co_await exchange(std::move(plain), server_, settings_, std::move(request));
  }
  CO_TRY_ASSIGN(TlsStream stream, co_await secure(std::move(plain), server_, settings_));
  co_return co_await exchange(std::move(stream), server_, settings_, std::move(request));
}

Task<Result<HttpResponse>> HttpClient::send(HttpRequest request) const {
  CO_TRY_ASSIGN(const std::unique_ptr<HttpReply> reply, co_await open(std::move(request)));
  HttpResponse response;
  response.status = reply->status;
  response.headers = reply->headers;
  for (;;) {
    CO_TRY_ASSIGN(const std::string piece, co_await reply->read());
    if (piece.empty()) co_return response;
    response.body += piece;
    if (response.body.size() > settings_.body_limit) {
      co_return fail(ErrorCode::Invalid, "the reply of " + to_string(server_) + " is too large");
    }
  }
}

}  // namespace croft
