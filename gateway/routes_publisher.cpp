#include "gateway/routes_publisher.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "gateway/edge/routes.hpp"

namespace croft {

namespace {

constexpr std::size_t kLargestSnapshot = 256U << 20U;
constexpr unsigned kMode = 0644;
constexpr Duration kRetry{1'000};
constexpr Duration kNoTimeout{86'400'000};
/// Changes come in bursts; one snapshot is enough for those within this time, and within so many
/// times what the last one took: a fleet that comes up does not spend itself on snapshots.
constexpr Duration kGather{10};
constexpr int kGatherShare = 4;

using HostRoutes = std::vector<Engine::HostRoute>;

std::map<std::string, Route> hosts_of(const Engine& engine, const HostRoutes& own) {
  std::map<std::string, Route> hosts;
  const auto add = [&](const Engine::HostRoute& host) {
    hosts.emplace(host.host, Route{host.ref, host.endpoint, host.state, host.message});
  };
  std::ranges::for_each(own, add);
  std::ranges::for_each(engine.routes(), add);
  return hosts;
}

}  // namespace

struct RoutesPublisher::State {
  State(Engine& of, std::filesystem::path to, const asio::any_io_executor& executor,
        HostRoutes ours)
      : engine(of), file(std::move(to)), own(std::move(ours)), changed(executor) {}

  /// What an earlier control left; an unreadable snapshot is replaced.
  void take_up() {
    const Result<std::string> text = read_file(file, kLargestSnapshot);
    Result<RouteTable> table = text ? read_routes(*text) : Result<RouteTable>(fail(text.error()));
    if (table) published = std::move(*table);
  }

  Result<void> publish() {
    RouteTable next{published ? published->generation + 1 : 1, hosts_of(engine, own)};
    if (published && published->hosts == next.hosts) return {};
    TRY(write_file_atomic(file, write_routes(next), kMode));
    published = std::move(next);
    return {};
  }

  static Task<> run(std::shared_ptr<State> state) {
    while (!state->is_stopped) {
      const auto begun = std::chrono::steady_clock::now();
      const Result<void> done = state->publish();
      const auto took = std::chrono::steady_clock::now() - begun;
      const Duration pause = std::chrono::ceil<Duration>(took * kGatherShare);
      if (!done)
        log_error("routes", "cannot write the route snapshot", {{"what", done.error().describe()}});
      co_await state->changed.wait(done ? kNoTimeout : kRetry);
      if (!state->is_stopped) co_await sleep_for(std::max(kGather, pause));
    }
  }

  Engine& engine;
  std::filesystem::path file;
  const HostRoutes own;
  Signal changed;
  bool is_stopped = false;
  std::optional<RouteTable> published;
  std::shared_ptr<void> subscription;
};

RoutesPublisher::RoutesPublisher(Engine& engine, std::filesystem::path file,
                                 const asio::any_io_executor& executor, HostRoutes own)
    : state_(std::make_shared<State>(engine, std::move(file), executor, std::move(own))) {
  state_->take_up();
  state_->subscription = engine.on_change([state = state_.get()] { state->changed.notify(); });
  spawn(executor, State::run(state_), "routes publisher");
}

RoutesPublisher::~RoutesPublisher() {
  state_->is_stopped = true;
  state_->subscription.reset();
  state_->changed.notify();
}

}  // namespace croft
