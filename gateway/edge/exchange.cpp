#include "gateway/edge/exchange.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <fmt/format.h>

#include "gateway/edge/connection.hpp"

namespace croft::edge {

namespace {

constexpr std::size_t kBodyRead = 32 * 1024;
constexpr std::size_t kAnswerRead = 32 * 1024;

}  // namespace

Exchange::Exchange(Connection& client, const EdgeRoute& route)
    : client_(client),
      worker_(client.worker_),
      route_(route),
      limits_(client.worker_.limits()),
      pump_ended_(client.worker_.io().get_executor()) {}

Task<> Exchange::run() {
  write_request();
  bool has_head = false;
  for (int attempt = 0; attempt < 2; ++attempt) {
    if (!(co_await connect(attempt == 0))) break;
    if (co_await send_request()) has_head = co_await receive_head();
    // A waiting connection may close in the moment it is taken: once more, on a new one.
    if (!upstream_->is_reused || failure_ != Failure::Ended) break;
    failure_ = Failure::None;
  }
  if (has_head && upstream_->reader.head().status == 101) {
    co_await run_tunnel();
  } else if (has_head) {
    co_await pass_answer();
  } else {
    co_await stop_pump();
    answer_with_page();
  }
}

// Towards what runs.

void Exchange::write_request() {
  const RequestHead& head = client_.reader_.head();
  request_framing_ = framing_of(head);
  append_forwarded_request(head, client_.peer_, client_.is_trusted_, request_);
  // The head stays where it is, since views lead into it; the body is read into a buffer of its
  // own.
  const std::string_view all = client_.input_.view();
  if (client_.reader_.state() != ReadState::Body) return;
  body_.append(all.substr(client_.head_size_));
  client_.input_.drop_behind(client_.head_size_);
  frame_body_pieces(request_);
}

// Only what may be sent twice may meet a connection that closes at that moment.
bool Exchange::may_use_waiting_connection() const {
  const RequestHead& head = client_.reader_.head();
  return head.is_idempotent() && !head.has_body() && !head.wants_upgrade;
}

Task<bool> Exchange::connect(bool may_be_reused) {
  if (may_be_reused && may_use_waiting_connection()) {
    upstream_ = worker_.upstreams().take(route_.endpoint);
    if (upstream_) co_return true;
  }
  Endpoint endpoint = route_.route.endpoint;
  Result<UniqueFd> dialled = co_await dial(std::move(endpoint), limits_.connect_time);
  if (is_aborted_) co_return false;
  if (!dialled) {
    fail(dialled.error().code() == ErrorCode::Timeout ? Failure::ConnectTimeout
                                                      : Failure::Unreachable);
    co_return false;
  }
  upstream_ = std::make_unique<Upstream>(worker_.io(), std::move(*dialled), limits_.head_bytes * 2);
  co_return true;
}

Task<bool> Exchange::send_request() {
  upstream_->reader.reset(client_.reader_.head().method == Method::Head);
  const iovec part{request_.data(), request_.size()};
  const long sent = upstream_->stream.send_some({&part, 1});
  bool is_fine = sent >= 0;
  if (is_fine && static_cast<std::size_t>(sent) < request_.size()) {
    is_fine = co_await upstream_->stream.send_all(
        std::string_view(request_).substr(static_cast<std::size_t>(sent)), limits_.answer_time);
  }
  if (!is_fine) {
    fail(Failure::Ended);
    co_return false;
  }
  upstream_->stream.set_read_deadline(worker_.now() + limits_.answer_time);
  if (client_.reader_.state() == ReadState::Body) {
    is_pumping_ = true;
    spawn(worker_.io().get_executor(), pump_body(), "edge request body");
  } else if (client_.reader_.state() == ReadState::Failed) {
    fail(client_.reader_.failure_status() == 413 ? Failure::TooLarge : Failure::BadRequest);
    co_return false;
  }
  co_return true;
}

// Takes content out of body_ and appends it as this request's framing wants it; true if it took
// any.
bool Exchange::frame_body_pieces(std::string& out) {
  RequestReader& reader = client_.reader_;
  body_pieces_.clear();
  const std::size_t used = reader.read_body(body_.view(), body_pieces_);
  for (const std::string_view piece : body_pieces_) {
    if (request_framing_ == Framing::Chunked) append_chunk_head(piece.size(), out);
    out += piece;
    if (request_framing_ == Framing::Chunked) out += "\r\n";
  }
  const bool has_ended = reader.state() == ReadState::Done;
  if (has_ended && request_framing_ == Framing::Chunked) out += "0\r\n\r\n";
  body_.consume(used);
  return used > 0;
}

// Runs beside the answer's way back.
Task<> Exchange::pump_body() {
  RequestReader& reader = client_.reader_;
  Stream& from = client_.stream_;
  const bool expects = reader.head().find(Header::Expect) != nullptr && reader.head().minor > 0;
  bool is_fine = true;
  if (expects && body_.is_empty() && !is_body_cut_)
    is_fine = co_await from.send_all("HTTP/1.1 100 Continue\r\n\r\n", limits_.send_time);
  std::string framed;
  while (is_fine && !is_body_cut_ && reader.state() == ReadState::Body) {
    framed.clear();
    if (!body_.is_empty() && frame_body_pieces(framed) && !framed.empty()) {
      is_fine = co_await upstream_->stream.send_all(framed, limits_.answer_time);
      // It may have answered already and closed: that answer is what the client gets.
      is_body_cut_ = !is_fine;
      upstream_->stream.set_read_deadline(worker_.now() + limits_.answer_time);
      continue;
    }
    if (reader.state() != ReadState::Body) break;
    from.set_read_deadline(worker_.now() + limits_.body_time);
    const std::span<char> space = body_.space(kBodyRead);
    const auto [error, size] = co_await from.read(space);
    from.clear_read_deadline();
    if (error || size == 0) {
      fail(Failure::ClientGone);
      is_fine = false;
    } else {
      body_.add(size);
    }
  }
  if (reader.state() == ReadState::Failed) {
    fail(reader.failure_status() == 413 ? Failure::TooLarge : Failure::BadRequest);
    is_fine = false;
  }
  if (failure_ != Failure::None) upstream_->stream.cancel();
  is_pumping_ = false;
  pump_ended_.notify();
}

Task<> Exchange::stop_pump() {
  if (!is_pumping_) co_return;
  is_body_cut_ = true;
  client_.stream_.cancel();
  if (upstream_) upstream_->stream.cancel();
  co_await wait_for_pump();
}

// Back to the client.

Task<bool> Exchange::receive_head() {
  waits_for_answer_ = true;
  bool has_head = false;
  while (failure_ == Failure::None) {
    if (take_head()) {
      if (upstream_->reader.head().status >= 200 || upstream_->reader.head().status == 101) {
        has_head = true;
        break;
      }
      if (!(co_await pass_interim_head())) break;
      continue;
    }
    if (failure_ != Failure::None) break;
    const std::span<char> space = upstream_->input.space(kAnswerRead);
    const auto [error, size] = co_await upstream_->stream.read(space);
    if (failure_ != Failure::None) break;
    if (!error && size > 0) {
      upstream_->input.add(size);
    } else if (upstream_->stream.has_timed_out()) {
      fail(Failure::AnswerTimeout);
    } else {
      fail(upstream_->input.is_empty() ? Failure::Ended : Failure::NotHttp);
    }
  }
  waits_for_answer_ = false;
  co_return has_head;
}

bool Exchange::take_head() {
  Upstream& upstream = *upstream_;
  if (upstream.input.is_empty()) return false;
  const std::size_t size = upstream.reader.read_head(upstream.input.view());
  const bool is_unasked =
      size > 0 && upstream.reader.head().status == 101 && !client_.reader_.head().wants_upgrade;
  if (upstream.reader.state() == ReadState::Failed || is_unasked) {
    fail(Failure::NotHttp);
    return false;
  }
  if (size == 0) return false;
  begin_answer();
  upstream.input.consume(size);
  return true;
}

// Writes the client's head while the views into the upstream's bytes hold.
void Exchange::begin_answer() {
  const RequestHead& request = client_.reader_.head();
  const ResponseReader& reader = upstream_->reader;
  const ResponseHead& head = reader.head();
  const bool is_interim = head.status < 200 && head.status != 101;
  out_.clear();
  if (is_interim && (head.status == 100 || request.minor == 0)) return;  // nobody asked for it
  shape_.client_minor = request.minor;
  shape_.is_upgrade = head.status == 101;
  shape_.date_line = worker_.date_line();
  const bool has_body = reader.state() == ReadState::Body;
  const bool has_length = head.content_length.has_value();
  shape_.framing = has_length || !has_body ? Framing::Length : Framing::Chunked;
  if (shape_.framing == Framing::Chunked && request.minor == 0) shape_.framing = Framing::ToEnd;
  shape_.keep_alive = client_.keep_alive_ && shape_.framing != Framing::ToEnd && !is_body_cut_ &&
                      !worker_.is_draining();
  append_forwarded_response(head, shape_, out_);
}

Task<bool> Exchange::pass_interim_head() {
  const bool is_fine = co_await client_.stream_.send_all(out_, limits_.send_time);
  if (!is_fine) fail(Failure::ClientGone);
  upstream_->reader.reset(client_.reader_.head().method == Method::Head);
  co_return is_fine;
}

Task<> Exchange::pass_answer() {
  Upstream& upstream = *upstream_;
  client_.status_ = upstream.reader.head().status;
  has_answer_begun_ = true;
  bool is_fine = true;
  for (;;) {
    collect_pieces();
    is_fine = co_await send_to_client();
    const ReadState state = upstream.reader.state();
    if (!is_fine || state == ReadState::Done || state == ReadState::Failed) break;
    upstream.stream.set_read_deadline(worker_.now() + limits_.stream_time);
    const std::span<char> space = upstream.input.space(kAnswerRead);
    const auto [error, size] = co_await upstream.stream.read(space);
    if (error && error != asio::error::eof) break;
    if (size == 0) upstream.reader.end_of_stream();
    upstream.input.add(size);
  }
  const bool is_whole = is_fine && upstream.reader.state() == ReadState::Done;
  co_await stop_pump();
  finish(is_whole);
}

// Frames what the upstream's buffer holds of the body. Content stays where it is if it can go out
// as it came.
void Exchange::collect_pieces() {
  Upstream& upstream = *upstream_;
  pieces_.clear();
  if (upstream.reader.state() == ReadState::Body) {
    const std::size_t used = upstream.reader.read_body(upstream.input.view(), pieces_);
    upstream.input.consume(used);
  }
  if (shape_.framing != Framing::Chunked) return;
  for (const std::string_view piece : pieces_) {
    append_chunk_head(piece.size(), out_);
    out_.append(piece).append("\r\n");
  }
  pieces_.clear();
  if (upstream.reader.state() == ReadState::Done) out_ += "0\r\n\r\n";
}

Task<bool> Exchange::send_to_client() {
  Stream& stream = client_.stream_;
  std::string_view head = out_;
  std::string_view content = pieces_.empty() ? std::string_view() : pieces_.front();
  for (std::size_t next = 1; !head.empty() || !content.empty();) {
    const iovec parts[2] = {{const_cast<char*>(head.data()), head.size()},
                            {const_cast<char*>(content.data()), content.size()}};
    const long sent = stream.send_some(parts);
    if (sent < 0) co_return false;
    client_.bytes_sent_ += static_cast<std::uint64_t>(sent);
    const std::size_t of_head = std::min(static_cast<std::size_t>(sent), head.size());
    head.remove_prefix(of_head);
    content.remove_prefix(static_cast<std::size_t>(sent) - of_head);
    if (head.empty() && content.empty()) {
      if (next < pieces_.size()) content = pieces_[next++];
      continue;
    }
    if (sent > 0) continue;
    stream.set_write_deadline(worker_.now() + limits_.send_time);
    const auto [error] = co_await stream.writable();
    stream.clear_write_deadline();
    if (error) co_return false;
  }
  out_.clear();
  co_return true;
}

// Decides what becomes of the two connections once the answer has gone out.
void Exchange::finish(bool is_whole) {
  const bool is_request_read = client_.reader_.state() == ReadState::Done;
  client_.has_unread_body_ = !is_request_read;
  client_.keep_alive_ = shape_.keep_alive && is_request_read && is_whole;
  if (is_request_read) client_.leftover_ = body_.view();  // the next request's first bytes
  if (!is_whole) {
    client_.keep_alive_ = false;
    client_.has_unread_body_ = false;
    // A reset, so that a body that ends with the connection is not taken for whole.
    const linger now{1, 0};
    ::setsockopt(client_.stream_.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    return;
  }
  const bool is_reusable = upstream_->reader.head().keep_alive && upstream_->input.is_empty() &&
                           is_request_read && !is_body_cut_ &&
                           !upstream_->reader.ends_with_connection();
  if (is_reusable && !worker_.is_draining()) {
    worker_.upstreams().give(route_.endpoint, std::move(upstream_), worker_.now());
  }
}

// Upgraded connections.

Task<> Exchange::run_tunnel() {
  client_.status_ = 101;
  has_answer_begun_ = true;
  client_.keep_alive_ = false;
  body_.append(client_.input_.view().substr(client_.head_size_));
  client_.input_.drop_behind(client_.head_size_);
  const bool is_fine = co_await send_to_client();
  if (!is_fine) co_return;
  is_pumping_ = true;
  spawn(worker_.io().get_executor(), carry(&client_.stream_, &upstream_->stream, &body_),
        "edge tunnel");
  co_await carry(&upstream_->stream, &client_.stream_, &upstream_->input);
  co_await wait_for_pump();
}

Task<> Exchange::wait_for_pump() {
  while (is_pumping_) {
    co_await pump_ended_.wait(Duration(60'000));
  }
}

// One direction of a tunnel, until its sender ends; the other direction may go on.
Task<> Exchange::carry(Stream* from, Stream* to, InputBuffer* buffer) {
  for (;;) {
    if (!(co_await to->send_all(buffer->view(), limits_.send_time))) break;
    buffer->consume(buffer->view().size());
    const SteadyTime until = worker_.now() + limits_.tunnel_time;
    from->set_read_deadline(until);
    const std::span<char> space = buffer->space(kAnswerRead);
    const auto [error, size] = co_await from->read(space);
    if (error || size == 0) break;
    buffer->add(size);
    to->set_read_deadline(until);  // traffic one way keeps the other open
  }
  from->clear_read_deadline();
  to->shutdown_send();
  if (from->has_timed_out() || to->has_timed_out()) to->cancel();
  if (from == &client_.stream_) {
    is_pumping_ = false;
    pump_ended_.notify();
  }
}

void Exchange::on_tick(SteadyTime now) {
  if (upstream_) upstream_->stream.on_tick(now);
  // Nobody waits for this answer any more: what runs need not go on with it.
  if (waits_for_answer_ && !is_pumping_ && client_.stream_.has_ended()) {
    fail(Failure::ClientGone);
    upstream_->stream.cancel();
  }
}

void Exchange::abort() {
  is_aborted_ = true;
  fail(Failure::ClientGone);
  if (upstream_) ::shutdown(upstream_->stream.fd(), SHUT_RDWR);
}

void Exchange::fail(Failure failure) {
  if (failure_ == Failure::None) failure_ = failure;
}

void Exchange::answer_with_page() {
  const bool is_request_read = client_.reader_.state() == ReadState::Done;
  client_.has_unread_body_ = !is_request_read;
  if (!is_request_read) client_.keep_alive_ = false;
  if (is_request_read) client_.leftover_ = body_.view();
  if (failure_ == Failure::ClientGone) {
    client_.keep_alive_ = false;
    client_.has_unread_body_ = false;
    client_.status_ = 499;  // nginx's number for it; only the log sees it
    return;
  }
  count(worker_.counters().upstream_failures);
  client_.send_page(page_for_failure());
}

Page Exchange::page_for_failure() const {
  const Route& route = route_.route;
  Page page{502, route.ref, route.state, route.message};
  const auto say = [&](int status, std::string_view message) {
    page.status = status;
    if (page.message.empty()) page.message = message;
  };
  switch (failure_) {
    case Failure::Unreachable:
      // Known not to run, it is only not there yet; said to run, something is wrong with it.
      say(route.state.empty() || route.state == "Running" ? 502 : 503,
          "It does not accept connections.");
      break;
    case Failure::ConnectTimeout:
      say(504, "It did not accept a connection in time.");
      break;
    case Failure::AnswerTimeout:
      say(504, "It did not answer in time.");
      break;
    case Failure::NotHttp:
      say(502, "What it answered is not HTTP.");
      break;
    case Failure::BadRequest:
      page = {400};
      break;
    case Failure::TooLarge:
      page = {413};
      break;
    default:
      say(502, "It closed the connection without an answer.");
      break;
  }
  return page;
}

}  // namespace croft::edge
