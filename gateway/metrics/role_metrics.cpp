#include "gateway/metrics/role_metrics.hpp"

#include <string>
#include <thread>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "core/base/log.hpp"
#include "core/net/server.hpp"
#include "gateway/metrics/exposition.hpp"

namespace croft {

namespace {

constexpr Duration kOccupied{100};  ///< until the socket is tried again
constexpr int kConnections = 8;

HttpServerSettings server_settings() {
  HttpServerSettings settings;
  settings.connections = kConnections;
  settings.body_limit = [](const HttpRequest&) -> Task<std::size_t> { co_return 0; };
  return settings;
}

}  // namespace

struct RoleMetrics::State {
  State(std::filesystem::path at, metrics::Role which, std::function<void(metrics::Page&)> more)
      : socket(std::move(at)),
        role(which),
        collect(std::move(more)),
        server(
            io.get_executor(), [this](HttpRequest request) { return answer(std::move(request)); },
            server_settings()) {}

  Task<HttpResponse> answer(HttpRequest request) {
    if (request.target != "/metrics") co_return plain_answer(404, "only /metrics is here\n");
    metrics::Page page = metrics::own_page(role);
    if (collect) collect(page);
    co_return metrics_answer(page.text());
  }

  Task<> listen() {
    for (;;) {
      const Result<void> done = server.listen_unix(socket, 0600);
      if (done) co_return;
      if (done.error().code() != ErrorCode::Conflict) {
        log_warning("metrics", "this role shows no metrics",
                    {{"role", std::string(to_string(role))}, {"error", done.error().describe()}});
        co_return;
      }
      co_await sleep_for(kOccupied);
    }
  }

  std::filesystem::path socket;
  metrics::Role role;
  std::function<void(metrics::Page&)> collect;
  asio::io_context io{1};
  HttpServer server;
  std::thread thread;
};

RoleMetrics::RoleMetrics(std::filesystem::path socket, metrics::Role role,
                         std::function<void(metrics::Page&)> collect)
    : state_(std::make_unique<State>(std::move(socket), role, std::move(collect))) {
  spawn(state_->io.get_executor(), state_->listen(), "metrics socket");
  state_->thread = std::thread([state = state_.get()] {
    const auto work = asio::make_work_guard(state->io);
    state->io.run();
  });
}

RoleMetrics::~RoleMetrics() {
  state_->io.stop();
  state_->thread.join();
}

std::filesystem::path role_metrics_socket(const std::filesystem::path& data, metrics::Role role) {
  return data / "run" / ("metrics-" + std::string(to_string(role)) + ".sock");
}

}  // namespace croft
