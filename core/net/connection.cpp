#include "core/net/connection.hpp"

#include <array>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "core/base/log.hpp"

namespace croft::net {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using Socket = asio::generic::stream_protocol::socket;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kDefaultBodyLimit = 1U << 20U;
constexpr std::size_t kReadAhead = 64U << 10U;
/// How long a connection that never asked anything may still do so once the server stops.
constexpr Duration kLastCall{1'000};
/// How long we read on after a refusal, so that the answer is not lost to a reset.
constexpr Duration kLinger{2'000};

/// The writer of a streaming response; what it needs of its connection it borrows.
class StreamWriter final : public BodyWriter {
 public:
  using Send = std::function<Task<bool>(std::string)>;
  explicit StreamWriter(Send send) : send_(std::move(send)) {}

  Task<bool> write(std::string piece) override {
    if (!is_open_) co_return false;
    if (piece.empty()) co_return true;  // an empty chunk would be the end
    const bool is_sent = co_await send_(std::move(piece));
    if (!is_sent) close();
    co_return is_sent;
  }
  void abort() override {
    is_aborted_ = true;
    close();
  }
  bool is_aborted() const { return is_aborted_; }
  bool is_open() const override { return is_open_; }
  void on_close(std::function<void()> listener) override {
    if (is_open_) {
      listener_ = std::move(listener);
    } else {
      listener();
    }
  }
  /// The stream has ended: what its listener refers to may be gone.
  void finish() {
    listener_ = nullptr;
    is_open_ = false;
  }
  void close() {
    if (!std::exchange(is_open_, false)) return;
    if (auto listener = std::exchange(listener_, nullptr)) listener();
  }

 private:
  Send send_;
  bool is_open_ = true;
  bool is_aborted_ = false;
  std::function<void()> listener_;
};

/// The connection as it is once it has left HTTP. Borrows the connection's stream and what was read
/// ahead.
class LinkStream final : public ByteStream {
 public:
  using Transport = beast::basic_stream<asio::generic::stream_protocol>;
  LinkStream(Transport& transport, beast::flat_buffer& ahead)
      : transport_(transport), ahead_(ahead) {
    transport_.expires_never();
  }

  Task<Result<std::string>> read() override {
    if (is_cancelled_) co_return cancelled();
    std::size_t size = std::exchange(ahead_size_, 0);
    if (size == 0) {
      const auto space = asio::buffer(piece_);
      auto [code, count] = co_await transport_.async_read_some(space, kAwait);
      if (is_cancelled_) co_return cancelled();
      if (code == asio::error::eof) co_return std::string();
      if (code) co_return broken(code);
      co_return std::string(piece_.data(), count);
    }
    std::string bytes(static_cast<const char*>(ahead_.data().data()), size);
    ahead_.clear();
    co_return bytes;
  }

  Task<Result<void>> write(std::string bytes) override {
    if (is_cancelled_) co_return cancelled();
    auto [code, count] = co_await asio::async_write(transport_, asio::buffer(bytes), kAwait);
    if (is_cancelled_) co_return cancelled();
    if (code) co_return broken(code);
    co_return Result<void>();
  }

  Task<Result<void>> close_write() override {
    error_code code;
    transport_.socket().shutdown(Socket::shutdown_send, code);
    co_return Result<void>();
  }

  void cancel() override {
    is_cancelled_ = true;
    transport_.cancel();
  }

 private:
  static std::unexpected<Error> cancelled() {
    return fail(ErrorCode::Cancelled, "the connection is being closed");
  }
  static std::unexpected<Error> broken(const error_code& code) {
    return fail(ErrorCode::Unavailable, "the connection broke: " + code.message());
  }

  Transport& transport_;
  beast::flat_buffer& ahead_;
  std::size_t ahead_size_ = ahead_.size();
  std::array<char, kReadAhead> piece_;
  bool is_cancelled_ = false;
};

class BeastConnection final : public Connection,
                              public std::enable_shared_from_this<BeastConnection> {
 public:
  BeastConnection(std::shared_ptr<Shared> shared, Socket socket, HttpPeer peer)
      : shared_(std::move(shared)),
        stream_(std::move(socket)),
        peer_(std::move(peer)),
        buffer_(shared_->settings.header_limit + kReadAhead) {}

  Task<> run() override;
  void stop() override;
  void cut_off() override;

 private:
  using Parser = http::request_parser<http::string_body>;

  Task<bool> await_request();
  Task<std::optional<HttpRequest>> read_request();
  Task<bool> read_body(Parser& parser, const HttpRequest& head);
  ByteSource body_source();
  Task<Result<std::string>> read_piece();
  Task<bool> answer(HttpRequest request);
  Task<> leave_http(HttpResponse response);
  Task<HttpResponse> ask_handler(HttpRequest request);
  Task<bool> send_whole(HttpResponse response, bool is_head);
  Task<> send_stream(HttpResponse response);
  Task<bool> send_head(const HttpResponse& response, bool is_chunked);
  Task<bool> send_piece(std::string piece, bool is_chunked);
  Task<> run_stream(const BodyStream& stream, StreamWriter& writer);
  Task<> watch_for_departure(std::shared_ptr<StreamWriter> writer);
  Task<> refuse(int status, std::string message);
  Task<> close_gently();
  HttpRequest head_of(const Parser& parser) const;
  http::response<http::string_body> to_beast(HttpResponse response) const;

  std::shared_ptr<Shared> shared_;
  beast::basic_stream<asio::generic::stream_protocol> stream_;
  HttpPeer peer_;
  beast::flat_buffer buffer_;
  std::shared_ptr<StreamWriter> writer_;  // while a response streams
  std::unique_ptr<Parser> body_;          // while a request's body is streamed
  LinkStream* link_ = nullptr;            // once it has left HTTP
  bool awaits_word_ = false;              // to send the body: 100 Continue
  unsigned version_ = 11;                 // of the request that is answered
  bool keeps_alive_ = true;
  bool waits_ = false;      // for a request to begin
  bool was_asked_ = false;  // at least once
  bool lingers_ = false;    // refused something that may still be coming in
};

Task<> BeastConnection::run() {
  bool goes_on = true;
  while (goes_on) {
    const bool has_request = co_await await_request();
    if (!has_request) break;
    std::optional<HttpRequest> request = co_await read_request();
    if (!request) break;
    goes_on = co_await answer(std::move(*request));
  }
  co_await close_gently();
}

void BeastConnection::stop() {
  if (writer_) writer_->close();
  if (link_ != nullptr) link_->cancel();
  if (waits_ || body_) stream_.cancel();
}

void BeastConnection::cut_off() {
  if (writer_) writer_->close();
  if (link_ != nullptr) link_->cancel();
  stream_.close();
  cancellation.emit(asio::cancellation_type::terminal);
}

/// True once bytes of a request are in the buffer.
Task<bool> BeastConnection::await_request() {
  while (buffer_.size() == 0) {
    error_code ignored;
    const bool is_last_call = shared_->is_stopping;
    if (is_last_call && was_asked_ && stream_.socket().available(ignored) == 0) co_return false;
    stream_.expires_after(is_last_call ? kLastCall : shared_->settings.idle_timeout);
    waits_ = true;
    auto [code, count] = co_await stream_.async_read_some(buffer_.prepare(4096), kAwait);
    waits_ = false;
    buffer_.commit(count);
    const bool was_told_to_stop =
        code == asio::error::operation_aborted && !is_last_call && shared_->is_stopping;
    if (code && !was_told_to_stop) co_return false;
  }
  co_return true;
}

HttpRequest BeastConnection::head_of(const Parser& parser) const {
  HttpRequest request;
  request.method = std::string(parser.get().method_string());
  request.target = std::string(parser.get().target());
  for (const auto& field : parser.get()) {
    request.headers.add(std::string(field.name_string()), std::string(field.value()));
  }
  request.peer = peer_;
  return request;
}

Task<std::optional<HttpRequest>> BeastConnection::read_request() {
  auto made = std::make_unique<Parser>();
  Parser& parser = *made;
  parser.header_limit(static_cast<std::uint32_t>(shared_->settings.header_limit));
  parser.body_limit(boost::none);
  stream_.expires_after(shared_->settings.header_timeout);
  auto [code, count] = co_await http::async_read_header(stream_, buffer_, parser, kAwait);
  if (code == http::error::header_limit || code == http::error::buffer_overflow) {
    co_await refuse(431, "the header is too large");
  } else if (code == beast::error::timeout) {
    co_return std::nullopt;  // the socket is closed already
  } else if (code && code != http::error::end_of_stream && code != http::error::partial_message) {
    co_await refuse(400, "this is not HTTP/1.1: " + code.message());
  }
  if (code) co_return std::nullopt;
  was_asked_ = true;
  version_ = parser.get().version();
  keeps_alive_ = parser.keep_alive();
  HttpRequest request = head_of(parser);
  const bool is_streamed = !parser.is_done() && shared_->settings.streams_body &&
                           co_await shared_->settings.streams_body(request);
  if (is_streamed) {
    awaits_word_ = beast::iequals(parser.get()[http::field::expect], "100-continue");
    body_ = std::move(made);
    request.source = body_source();
    co_return request;
  }
  const bool is_read = co_await read_body(parser, request);
  if (!is_read) co_return std::nullopt;
  request.body = std::move(parser.get().body());
  co_return request;
}

Task<bool> BeastConnection::read_body(Parser& parser, const HttpRequest& head) {
  if (parser.is_done()) co_return true;
  std::size_t limit = kDefaultBodyLimit;
  if (shared_->settings.body_limit) limit = co_await shared_->settings.body_limit(head);
  const std::string message = "the body is larger than " + std::to_string(limit) + " bytes";
  const auto announced = parser.content_length();
  if (announced && *announced > limit) {
    co_await refuse(413, message);
    co_return false;
  }
  parser.body_limit(limit);
  stream_.expires_after(shared_->settings.body_timeout);
  if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(stream_, asio::buffer(go_on), kAwait);
  }
  auto [code, count] = co_await http::async_read(stream_, buffer_, parser, kAwait);
  if (code == http::error::body_limit) {
    co_await refuse(413, message);
  } else if (code && code.category() == make_error_code(http::error::bad_chunk).category() &&
             code != http::error::partial_message && code != http::error::end_of_stream) {
    co_await refuse(400, "this is not HTTP/1.1: " + code.message());
  }
  co_return !code;
}

ByteSource BeastConnection::body_source() {
  // It keeps the connection: who reads may be called off and end a little later.
  return [self = shared_from_this()] { return self->read_piece(); };
}

/// The next piece of a body that is streamed.
Task<Result<std::string>> BeastConnection::read_piece() {
  if (!body_) co_return fail(ErrorCode::Internal, "the request has been answered");
  if (std::exchange(awaits_word_, false)) {
    const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    stream_.expires_after(shared_->settings.body_timeout);
    co_await asio::async_write(stream_, asio::buffer(go_on), kAwait);
  }
  std::string piece = std::exchange(body_->get().body(), {});
  while (piece.empty() && !body_->is_done()) {
    if (shared_->is_stopping) co_return fail(ErrorCode::Cancelled, "the server stops");
    stream_.expires_after(shared_->settings.body_timeout);
    auto [code, count] = co_await http::async_read_some(stream_, buffer_, *body_, kAwait);
    if (shared_->is_stopping) co_return fail(ErrorCode::Cancelled, "the server stops");
    if (code == beast::error::timeout) co_return fail(ErrorCode::Timeout, "the body stalled");
    if (code) co_return fail(ErrorCode::Unavailable, "the body broke off: " + code.message());
    piece = std::exchange(body_->get().body(), {});
  }
  co_return piece;
}

/// True if another request may follow.
Task<bool> BeastConnection::answer(HttpRequest request) {
  const bool is_head = request.method == "HEAD";
  HttpResponse response = co_await ask_handler(std::move(request));
  if (body_) {
    // What was not read of it would be taken for the next request.
    lingers_ = !body_->is_done();
    keeps_alive_ = keeps_alive_ && !lingers_;
    body_.reset();
  }
  if (response.upgraded && response.status == 101) {
    co_await leave_http(std::move(response));
    co_return false;
  }
  keeps_alive_ = keeps_alive_ && !shared_->is_stopping;
  if (response.stream && !is_head) {
    co_await send_stream(std::move(response));
    co_return false;
  }
  const bool is_sent = co_await send_whole(std::move(response), is_head);
  co_return is_sent&& keeps_alive_;
}

Task<HttpResponse> BeastConnection::ask_handler(HttpRequest request) {
  try {
    co_return co_await shared_->handler(std::move(request));
  } catch (const std::exception& error) {
    // One that was cut off ends with the exception of a cancelled wait.
    if (!shared_->is_stopping) log_error("http", "a handler threw", {{"what", error.what()}});
  }
  HttpResponse failed;
  failed.status = 500;
  failed.body = "internal error\n";
  co_return shared_->settings.refuse ? shared_->settings.refuse(500, "an internal error") : failed;
}

http::response<http::string_body> BeastConnection::to_beast(HttpResponse response) const {
  http::response<http::string_body> message;
  message.version(version_);
  message.result(static_cast<unsigned>(response.status));
  message.reason(reason_phrase(response.status));
  for (const auto& [name, value] : response.headers.fields()) message.insert(name, value);
  message.keep_alive(keeps_alive_);
  message.body() = std::move(response.body);
  return message;
}

Task<bool> BeastConnection::send_whole(HttpResponse response, bool is_head) {
  auto message = to_beast(std::move(response));
  message.prepare_payload();
  stream_.expires_after(shared_->settings.write_timeout);
  http::response_serializer<http::string_body> serializer(message);
  if (is_head) {
    auto [code, count] = co_await http::async_write_header(stream_, serializer, kAwait);
    co_return !code;
  }
  auto [code, count] = co_await http::async_write(stream_, serializer, kAwait);
  co_return !code;
}

Task<bool> BeastConnection::send_head(const HttpResponse& response, bool is_chunked) {
  auto message = to_beast(HttpResponse{response.status, response.headers, "", nullptr});
  message.chunked(is_chunked);
  stream_.expires_after(shared_->settings.write_timeout);
  http::response_serializer<http::string_body> serializer(message);
  auto [code, count] = co_await http::async_write_header(stream_, serializer, kAwait);
  co_return !code;
}

Task<bool> BeastConnection::send_piece(std::string piece, bool is_chunked) {
  stream_.expires_after(shared_->settings.write_timeout);
  if (is_chunked) {
    auto [code, count] =
        co_await asio::async_write(stream_, http::make_chunk(asio::buffer(piece)), kAwait);
    co_return !code;
  }
  auto [code, count] = co_await asio::async_write(stream_, asio::buffer(piece), kAwait);
  co_return !code;
}

Task<> BeastConnection::send_stream(HttpResponse response) {
  keeps_alive_ = false;
  const bool is_chunked = version_ >= 11;  // an HTTP/1.0 client reads until we close
  const bool has_begun = co_await send_head(response, is_chunked);
  if (!has_begun) co_return;
  writer_ = std::make_shared<StreamWriter>(
      [this, is_chunked](std::string piece) { return send_piece(std::move(piece), is_chunked); });
  if (shared_->is_stopping) writer_->close();
  spawn(shared_->executor, watch_for_departure(writer_), "http departure");
  co_await run_stream(response.stream, *writer_);
  writer_->finish();
  const bool is_aborted = writer_->is_aborted();
  writer_.reset();
  if (!is_chunked || is_aborted) co_return;
  stream_.expires_after(shared_->settings.write_timeout);
  co_await asio::async_write(stream_, http::make_chunk_last(), kAwait);
}

Task<> BeastConnection::leave_http(HttpResponse response) {
  keeps_alive_ = true;  // "close" would contradict it
  const bool has_begun = co_await send_head(response, false);
  if (!has_begun) co_return;
  const asio::socket_base::keep_alive probes(true);
  error_code ignored;
  // A client that is cut off from the network says nothing; the system asks now and then.
  if (!peer_.is_unix) stream_.socket().set_option(probes, ignored);
  LinkStream link(stream_, buffer_);
  link_ = &link;
  if (shared_->is_stopping) link.cancel();
  try {
    co_await response.upgraded(link);
  } catch (const std::exception& error) {
    if (!shared_->is_stopping) {
      log_error("http", "an upgraded connection threw", {{"what", error.what()}});
    }
  }
  link_ = nullptr;
  lingers_ = true;  // what the client sent last must not reset what was written last
}

Task<> BeastConnection::run_stream(const BodyStream& stream, StreamWriter& writer) {
  try {
    co_await stream(writer);
  } catch (const std::exception& error) {
    if (!shared_->is_stopping) {
      log_error("http", "a response stream threw", {{"what", error.what()}});
    }
  }
}

/// A client that leaves is noticed although we only write: its socket turns readable with nothing
/// to read.
Task<> BeastConnection::watch_for_departure(std::shared_ptr<StreamWriter> writer) {
  const std::shared_ptr<BeastConnection> self = shared_from_this();
  auto [code] = co_await stream_.socket().async_wait(Socket::wait_read, kAwait);
  if (code) co_return;
  char byte = 0;
  const ssize_t count = recv(stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  // Bytes are a further request, which has to wait; from then on only a failed write tells.
  if (count <= 0) writer->close();
}

Task<> BeastConnection::refuse(int status, std::string message) {
  HttpResponse response;
  if (shared_->settings.refuse) {
    response = shared_->settings.refuse(status, std::move(message));
  } else {
    response.status = status;
    response.headers.set("Content-Type", "text/plain; charset=utf-8");
    response.body = message + "\n";
  }
  keeps_alive_ = false;
  lingers_ = true;
  co_await send_whole(std::move(response), false);
}

Task<> BeastConnection::close_gently() {
  error_code code;
  stream_.socket().shutdown(Socket::shutdown_send, code);
  if (lingers_) {
    buffer_.clear();
    stream_.expires_after(kLinger);
    while (!code) {
      const auto space = buffer_.prepare(kReadAhead);
      auto [failure, count] = co_await stream_.async_read_some(space, kAwait);
      code = failure;
    }
  }
  stream_.close();
}

}  // namespace

std::shared_ptr<Connection> make_connection(std::shared_ptr<Shared> shared, Socket socket,
                                            HttpPeer peer) {
  return std::make_shared<BeastConnection>(std::move(shared), std::move(socket), std::move(peer));
}

}  // namespace croft::net
