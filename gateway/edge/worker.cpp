#include "gateway/edge/worker.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include "gateway/edge/connection.hpp"

namespace croft::edge {

namespace {

// Deadlines are seconds; a tenth of one is exact enough for them.
constexpr Duration kTick{100};

}  // namespace

Worker::Worker(Shared& shared, AccessLog log)
    : shared_(shared),
      io_(1),
      prepared_(shared.settings.limits.cache_bytes),
      upstreams_(shared.settings.limits.idle_upstreams),
      access_log_(std::move(log)),
      now_(std::chrono::steady_clock::now()) {
  refresh_date();
}

Worker::~Worker() = default;

void Worker::run() {
  spawn(io_.get_executor(), keep_ticking(), "edge ticks");
  io_.run();
  upstreams_.clear();
  access_log_.flush();
}

void Worker::adopt(UniqueFd client, Peer peer) {
  asio::dispatch(io_, [this, client = std::move(client), peer = std::move(peer)]() mutable {
    if (shared_.open_connections >= limits().connections && !make_room()) return;
    count(counters_.connections);
    auto connection = std::make_unique<Connection>(*this, std::move(client), std::move(peer));
    spawn(io_.get_executor(), Connection::serve(std::move(connection)), "edge connection");
  });
}

// One connection that waits without a request gives way. Which one does not matter: any client must
// bear it.
bool Worker::make_room() {
  return std::ranges::any_of(connections_,
                             [](Connection* connection) { return connection->close_if_idle(); });
}

void Worker::set_routes(std::shared_ptr<const RouteMap> routes) {
  asio::post(io_, [this, routes = std::move(routes)]() mutable {
    known_releases_.clear();
    routes_ = std::move(routes);
    upstreams_.sweep(SteadyTime::min(), routes_.get());
  });
}

void Worker::drain() {
  asio::post(io_, [this] { begin_drain(); });
}

void Worker::begin_drain() {
  if (is_draining_) return;
  is_draining_ = true;
  drain_began_ = std::chrono::steady_clock::now();
  finish_if_drained();
}

void Worker::end_adopting() {
  asio::post(io_, [this] {
    adopts_ = false;
    finish_if_drained();
  });
}

void Worker::abort() {
  asio::post(io_, [this] {
    begin_drain();
    for (Connection* connection : connections_) connection->abort();
  });
}

void Worker::finish_if_drained() {
  if (is_draining_ && !adopts_ && connections_.empty()) is_done_ = true;
}

Task<> Worker::keep_ticking() {
  while (!is_done_) {
    co_await sleep_for(kTick);
    tick();
  }
}

void Worker::tick() {
  now_ = std::chrono::steady_clock::now();
  refresh_date();
  const bool closes_idle = is_draining_ && now_ > drain_began_ + settings().idle_grace;
  const bool is_over = is_draining_ && now_ > drain_began_ + settings().drain_time;
  for (Connection* connection : connections_) {
    connection->on_tick(now_);
    if (closes_idle) connection->close_if_idle();
    if (is_over) connection->abort();
  }
  upstreams_.sweep(now_ - limits().upstream_idle_time, nullptr);
  access_log_.flush();
  finish_if_drained();
}

void Worker::refresh_date() {
  const std::time_t second = std::time(nullptr);
  if (second == date_second_) return;
  date_second_ = second;
  std::tm utc{};
  ::gmtime_r(&second, &utc);
  std::array<char, 64> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
  date_line_.assign(text.data(), size);
  ok_line_ = "HTTP/1.1 200 OK\r\n" + date_line_;
}

bool Worker::may_complain() {
  if (now_ < next_complaint_) return false;
  next_complaint_ = now_ + std::chrono::seconds(1);
  return true;
}

const std::shared_ptr<const Release>& Worker::known_release(const EdgeRoute& route) const {
  static const std::shared_ptr<const Release> none;
  const auto found = known_releases_.find(&route);
  return found == known_releases_.end() ? none : found->second;
}

Task<Result<std::shared_ptr<const Release>>> Worker::load_release(
    std::shared_ptr<const RouteMap> routes, const EdgeRoute* route) {
  const std::string id = route->route.endpoint.address;
  auto load = [this, id] { return shared_.releases.load(id); };
  auto loaded = co_await shared_.disk.run(std::move(load));
  if (loaded && routes == routes_) known_releases_.emplace(route, *loaded);
  co_return loaded;
}

}  // namespace croft::edge
