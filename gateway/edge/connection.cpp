#include "gateway/edge/connection.hpp"

#include <sys/socket.h>

#include "core/base/log.hpp"
#include "gateway/edge/exchange.hpp"
#include "gateway/edge/host.hpp"

namespace croft::edge {

namespace {

constexpr std::size_t kFirstRead = 4096;
// After an answer to a request that was not read to its end: how much more is taken so that the
// client sees the answer and not a reset.
constexpr std::size_t kLingerBytes = 1 << 20;
constexpr Duration kLingerTime{2'000};

RequestReader::Limits reader_limits(const EdgeLimits& limits) {
  return {limits.head_bytes, limits.header_fields, limits.body_bytes};
}

}  // namespace

Connection::Connection(Worker& worker, UniqueFd socket, Peer peer)
    : worker_(worker),
      peer_(std::move(peer)),
      is_trusted_(worker.shared().trusted.contains(peer_)),
      stream_(worker.io(), std::move(socket)),
      reader_(reader_limits(worker.limits())) {
  place_ = worker_.connections_.insert(worker_.connections_.end(), this);
  ++worker_.shared_.open_connections;
}

Connection::~Connection() {
  worker_.connections_.erase(place_);
  --worker_.shared_.open_connections;
  worker_.finish_if_drained();
}

Task<> Connection::serve(std::unique_ptr<Connection> self) {
  co_await self->run();
  if (self->has_unread_body_) co_await self->linger();
}

Task<> Connection::run() {
  expect_input();
  while (!is_closing_) {
    if (!take_head()) {
      if (is_closing_) break;
      const std::span<char> space = input_.space(kFirstRead);
      const auto [error, size] = co_await stream_.read(space);
      if (!on_received(error, size)) break;
      continue;
    }
    phase_ = Phase::Answering;
    stream_.clear_read_deadline();
    const Next next = decide();
    if (next != Next::Send) {
      if (next == Next::LoadRelease) {
        co_await answer_after_loading(route_);
      } else {
        co_await proxy(route_);
      }
    }
    if (send_now() != Sent::All && !(co_await send_outgoing())) break;
    end_request();
  }
}

// True once a whole head is there, or it is clear that none will come.
bool Connection::take_head() {
  while (input_.view().starts_with("\r\n")) input_.consume(2);
  if (input_.is_empty()) return false;
  if (phase_ == Phase::Idle) {
    phase_ = Phase::Head;
    stream_.set_read_deadline(worker_.now() + worker_.limits().header_time);
  }
  head_size_ = reader_.read_head(input_.view());
  if (reader_.state() == ReadState::Failed) {
    keep_alive_ = false;
    has_unread_body_ = true;
    return true;
  }
  if (head_size_ == 0) return false;
  const RequestHead& head = reader_.head();
  keep_alive_ = head.keep_alive && !worker_.is_draining();
  has_unread_body_ = head.has_body();
  return true;
}

void Connection::expect_input() {
  phase_ = Phase::Idle;
  stream_.set_read_deadline(worker_.now() + worker_.limits().idle_time);
}

// False if the connection is over. A client that takes too long over its head is told so.
bool Connection::on_received(const boost::system::error_code& error, std::size_t size) {
  if (!error && size > 0) {
    input_.add(size);
    return true;
  }
  if (stream_.has_timed_out() && phase_ == Phase::Head) {
    keep_alive_ = false;
    send_page({408});
    (void)send_now();
    end_request();
  }
  return false;
}

// Everything that needs no waiting is answered here, without a coroutine of its own.
Connection::Next Connection::decide() {
  if (worker_.access_log().is_on() || worker_.settings().measures_requests)
    began_ = std::chrono::steady_clock::now();
  if (reader_.state() == ReadState::Failed) {
    send_page({reader_.failure_status()});
    return Next::Send;
  }
  routes_ = worker_.routes();  // what route_ points into, even if it is replaced meanwhile
  route_ = choose_route();
  if (route_ == nullptr) return Next::Send;
  const Route& route = route_->route;
  if (route.endpoint.scheme == Endpoint::Scheme::None) {
    send_page({503, route.ref, route.state, route.message});
    return Next::Send;
  }
  if (route.endpoint.scheme == Endpoint::Scheme::Https) {
    send_elsewhere(route.endpoint);
    return Next::Send;
  }
  if (route.endpoint.scheme != Endpoint::Scheme::Release) return Next::Proxy;
  const std::shared_ptr<const Release>& known = worker_.known_release(*route_);
  if (known == nullptr) return Next::LoadRelease;
  answer_site(*route_, known);
  return Next::Send;
}

Task<> Connection::answer_after_loading(const EdgeRoute* route) {
  const auto loaded = co_await worker_.load_release(routes_, route);
  if (loaded) {
    answer_site(*route, *loaded);
  } else {
    send_failure(*route, loaded.error());
  }
}

Task<> Connection::proxy(const EdgeRoute* route) {
  Exchange exchange(*this, *route);
  exchange_ = &exchange;
  co_await exchange.run();
  exchange_ = nullptr;
}

// The route of the request's host; if there is none, the page that says so is the answer.
const EdgeRoute* Connection::choose_route() {
  const RequestHead& head = reader_.head();
  HostBuffer buffer;
  const std::optional<std::string_view> host = normalize_host(head.authority, buffer);
  if (routes_ == nullptr) {
    send_page({503, {}, "Starting", "The server is starting."});
    return nullptr;
  }
  const EdgeRoute* route = host ? routes_->find(*host) : nullptr;
  // Which hosts there are besides is nobody's business: this page is the same for every unknown
  // one.
  if (route == nullptr) send_page({host || head.authority.empty() ? 404 : 400});
  return route;
}

void Connection::end_request() {
  count(worker_.counters_.requests);
  count(worker_.counters_.bytes_out, bytes_sent_);
  if (status_ >= 500) {
    count(worker_.counters_.server_errors);
  } else if (status_ >= 400) {
    count(worker_.counters_.client_errors);
  }
  if (worker_.settings().measures_requests) measure_request();
  if (worker_.access_log().is_on() && status_ != 0) {
    const RequestHead& head = reader_.head();
    const auto took =
        std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - began_);
    worker_.access_log().add({peer_.text, head.method_text, head.authority, head.target,
                              route_ == nullptr ? std::string_view() : route_->route.ref, status_,
                              bytes_sent_, took});
  }
  if (!keep_alive_ || has_unread_body_) is_closing_ = true;
  routes_.reset();
  route_ = nullptr;
  owner_.reset();
  status_ = 0;
  bytes_sent_ = 0;
  input_.consume(head_size_);
  input_.append(leftover_);
  leftover_.clear();
  head_size_ = 0;
  if (is_closing_) return;
  reader_.reset();
  expect_input();
}

void Connection::measure_request() {
  const RequestClass request_class = route_ == nullptr ? RequestClass::None : route_->request_class;
  worker_.measures().add(request_class, status_);
  const bool is_tunnel = status_ == 101;
  const bool was_decided = phase_ == Phase::Answering;  // else its head never came
  if (was_decided && !is_tunnel)
    worker_.measures().add_time(request_class, std::chrono::steady_clock::now() - began_);
}

void Connection::on_tick(SteadyTime now) {
  stream_.on_tick(now);
  if (exchange_ != nullptr) exchange_->on_tick(now);
}

bool Connection::close_if_idle() {
  if (phase_ != Phase::Idle || is_closing_) return false;
  if (!stream_.is_quiet()) return false;  // a request has come that is not read yet
  is_closing_ = true;
  stream_.cancel();
  return true;
}

void Connection::abort() {
  is_closing_ = true;
  has_unread_body_ = false;
  if (exchange_ != nullptr) exchange_->abort();
  stream_.cancel();
  ::shutdown(stream_.fd(), SHUT_RDWR);
}

Task<> Connection::linger() {
  stream_.shutdown_send();
  stream_.set_read_deadline(std::chrono::steady_clock::now() + kLingerTime);
  for (std::size_t total = 0; total < kLingerBytes;) {
    input_.consume(input_.view().size());
    const std::span<char> space = input_.space(kFirstRead);
    const auto [error, size] = co_await stream_.read(space);
    if (error || size == 0) break;
    total += size;
  }
}

}  // namespace croft::edge
