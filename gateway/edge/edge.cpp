#include "gateway/edge/edge.hpp"

#include <cerrno>
#include <csignal>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>

#include "core/base/log.hpp"
#include "gateway/edge/listen.hpp"
#include "gateway/edge/snapshot.hpp"
#include "gateway/edge/worker.hpp"

namespace croft {

namespace edge {

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// After running out of descriptors: long enough not to spin, short enough to be back at once.
constexpr Duration kAcceptPause{50};
constexpr int kAcceptBatch = 64;

class RunningEdge final : public Edge {
 public:
  explicit RunningEdge(EdgeSettings settings) : shared_(std::move(settings)) {}
  ~RunningEdge() override {
    drain();
    for (auto& worker : workers_) worker->abort();
    join();
  }

  Result<void> begin() {
    EdgeSettings& settings = shared_.settings;
    TRY_ASSIGN(shared_.trusted, TrustedProxies::parse(settings.trusted_proxies));
    TRY_ASSIGN(listeners_, settings.listen_fds.empty() ? listen_on(settings.listen)
                                                       : adopt_listeners(settings.listen_fds));
    is_inherited_ = !settings.listen_fds.empty();
    for (int i = 0; i < std::max(1, settings.threads); ++i) {
      TRY_ASSIGN(AccessLog log, AccessLog::open(settings.access_log));
      workers_.push_back(std::make_unique<Worker>(shared_, std::move(log)));
    }
    watch_ = std::make_unique<SnapshotWatch>(
        io(), shared_.disk, settings.routes_file,
        [this](const std::shared_ptr<const RouteMap>& routes) { use(routes); });
    watch_->read_now();
    spawn(io().get_executor(), watch_->run(), "edge snapshot");
    for (Listener& listener : listeners_) {
      addresses_.push_back(listener.address);
      acceptors_.push_back(
          std::make_unique<asio::posix::stream_descriptor>(io(), listener.socket.release()));
      spawn(io().get_executor(), accept_on(acceptors_.back().get()), "edge accept");
    }
    for (auto& worker : workers_) threads_.emplace_back([&worker] { worker->run(); });
    if (settings.on_listening) settings.on_listening(addresses_);
    return {};
  }

  const std::vector<std::string>& addresses() const override { return addresses_; }

  EdgeCounters counters() const override {
    EdgeCounters sum;
    for (const auto& worker : workers_) {
      const WorkerCounters& one = worker->counters();
      sum.connections += one.connections;
      sum.requests += one.requests;
      sum.client_errors += one.client_errors;
      sum.server_errors += one.server_errors;
      sum.bytes_out += one.bytes_out;
      sum.upstream_failures += one.upstream_failures;
    }
    sum.open_connections = shared_.open_connections;
    sum.generation = generation_;
    return sum;
  }

  void measure(metrics::Page& page) const override {
    std::vector<const RequestMeasures*> all;
    for (const auto& worker : workers_) all.push_back(&worker->measures());
    RequestMeasures::collect(all, page);
    const EdgeCounters sum = counters();
    page.add(metrics::kEdgeConnections, {}, static_cast<double>(sum.connections));
    page.add(metrics::kEdgeOpen, {}, static_cast<double>(sum.open_connections));
    page.add(metrics::kEdgeBytes, {}, static_cast<double>(sum.bytes_out));
    page.add(metrics::kEdgeUpstream, {}, static_cast<double>(sum.upstream_failures));
    page.add(metrics::kEdgeGeneration, {}, static_cast<double>(sum.generation));
  }

  void drain() override {
    if (workers_.empty() || is_draining_.exchange(true)) return;
    for (auto& worker : workers_) worker->drain();
    spawn(io().get_executor(), stop_accepting(), "edge drain");
  }

  void join() override {
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
    shared_.disk.stop();
  }

 private:
  // The first worker's thread also accepts, and follows the snapshot.
  asio::io_context& io() { return workers_.front()->io(); }

  void use(const std::shared_ptr<const RouteMap>& routes) {
    generation_ = routes->generation();
    for (auto& worker : workers_) worker->set_routes(routes);
  }

  Task<> accept_on(asio::posix::stream_descriptor* listener) {
    while (listener->is_open()) {
      const auto [error] =
          co_await listener->async_wait(asio::posix::descriptor_base::wait_read, kAwait);
      if (error || !listener->is_open()) break;
      if (!accept_waiting(listener->native_handle(), kAcceptBatch))
        co_await sleep_for(kAcceptPause);
    }
  }

  // Takes connections that wait, and deals them out in turn; false if the process is out of
  // descriptors.
  bool accept_waiting(int listener, int batch) {
    for (int i = 0; i < batch; ++i) {
      sockaddr_storage address{};
      socklen_t size = sizeof(address);
      UniqueFd client(::accept4(listener, reinterpret_cast<sockaddr*>(&address), &size,
                                SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (client.is_open()) {
        workers_[next_worker_]->adopt(std::move(client), peer_of(address));
        next_worker_ = (next_worker_ + 1) % workers_.size();
        continue;
      }
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK;
    }
    return true;
  }

  // Connections that the kernel is still completing for us are taken too; others have the inherited
  // sockets besides us.
  Task<> stop_accepting() {
    if (!is_inherited_) co_await sleep_for(shared_.settings.handover_time);
    for (auto& listener : acceptors_) {
      if (!is_inherited_) (void)accept_waiting(listener->native_handle(), INT_MAX);
      listener->close();
    }
    watch_->stop();
    for (auto& worker : workers_) worker->end_adopting();
  }

  Shared shared_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<SnapshotWatch> watch_;
  std::vector<Listener> listeners_;
  std::vector<std::unique_ptr<asio::posix::stream_descriptor>> acceptors_;
  std::vector<std::string> addresses_;
  std::vector<std::thread> threads_;
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<bool> is_draining_{false};
  std::size_t next_worker_ = 0;
  bool is_inherited_ = false;
};

// One client costs a descriptor, one that is proxied two; the usual soft limit of 1024 is for
// programs with select().
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

}  // namespace edge

Result<std::unique_ptr<Edge>> Edge::start(EdgeSettings settings) {
  auto edge = std::make_unique<edge::RunningEdge>(std::move(settings));
  TRY(edge->begin());
  return edge;
}

Result<void> run_edge(EdgeSettings settings) {
  std::signal(SIGPIPE, SIG_IGN);
  edge::raise_descriptor_limit();
  if (settings.listen_fds.empty()) settings.listen_fds = edge::inherited_listen_fds();
  // Signals are for this thread alone: blocked before any other begins.
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);
  const auto beside = settings.while_serving;
  TRY_ASSIGN(const std::unique_ptr<Edge> edge, Edge::start(std::move(settings)));
  std::shared_ptr<void> kept = beside ? beside(*edge) : nullptr;
  log_info("edge", "serving", {{"address", edge->addresses().front()}});
  int signal = 0;
  ::sigwait(&ending, &signal);
  log_info("edge", "draining");
  kept.reset();
  edge->drain();
  edge->join();
  return {};
}

}  // namespace croft
