#pragma once
// Room gateway/edge: the process that carries tenants' traffic. It knows nothing of the store or of
// manifests: a route snapshot, which control replaces as a whole, says which host is answered by
// what, so that control may crash, restart or be upgraded without one failed request.
//
// - edge: settings, run_edge, and the process's own life: listening, draining
// - routes, snapshot: the snapshot file, and how a change of it is noticed
// - worker: one thread with its connections, caches and pools; nothing is shared between them
// - connection: one client: request after request, answered from a release, by a page, or by an
//   Exchange
// - exchange: one request that an instance answers: streaming both ways, tunnels
// - site, release_cache, prepared: what a static site's paths lead to, ready to send
// - message, forward, path, host, conditional, mime, peer, page: HTTP, as far as the edge needs it;
//   pure

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/metrics.hpp"
#include "core/base/result.hpp"
#include "core/base/units.hpp"

namespace croft {

/// Bounds on what a client or an app may take of the edge. A duration counts from the last
/// progress, except `header_time`, which the whole head of a request has.
struct EdgeLimits {
  Duration header_time{10'000};  ///< first byte to end of head; 408 after it
  Duration idle_time{75'000};    ///< a client's connection between two requests
  Duration body_time{30'000};    ///< without a byte of a request's body
  Duration send_time{60'000};    ///< without a client taking a byte
  Duration connect_time{5'000};  ///< to reach what runs; 504 after it
  Duration answer_time{
      60'000};  ///< from the request's last byte to the answer's head; 504 after it
  Duration stream_time{300'000};        ///< between two pieces of an answer's body
  Duration tunnel_time{3'600'000};      ///< without a byte either way on an upgraded connection
  Duration upstream_idle_time{30'000};  ///< an unused connection to what runs
  std::size_t head_bytes = 32 * 1024;   ///< of a request's and an answer's head; 431 or 502 past it
  std::size_t header_fields = 128;
  std::uint64_t body_bytes = UINT64_MAX;  ///< of a request; 413 past it
  std::size_t connections =
      10'000;  ///< clients at a time, over all threads; idle ones give way first
  std::size_t idle_upstreams = 64;     ///< kept for each endpoint and thread
  std::size_t cache_bytes = 64 << 20;  ///< of prepared answers for each thread
};

class Edge;

struct EdgeSettings {
  std::vector<std::string> listen{
      "127.0.0.1:8080"};  ///< "HOST:PORT", "[V6]:PORT", "*:PORT"; port 0 takes any
  std::vector<int>
      listen_fds;  ///< sockets that listen already, owned from now on; then `listen` is not used
  std::filesystem::path routes_file;    ///< the snapshot: gateway/edge/routes.hpp
  std::filesystem::path release_store;  ///< providers/port/release.hpp
  int threads = 1;
  std::vector<std::string>
      trusted_proxies;  ///< addresses and networks whose X-Forwarded-* are believed
  std::string
      access_log;  ///< file that gets one JSON line a request; "-" is standard output, empty none
  Duration drain_time{30'000};  ///< after SIGTERM, for what is in flight
  Duration handover_time{500};  ///< after SIGTERM, in which connections that still come are taken
  Duration idle_grace{1'000};   ///< after SIGTERM, before connections without a request are closed
  EdgeLimits limits;
  /// Called once everything listens, with the addresses ("127.0.0.1:8080") really bound.
  std::function<void(const std::vector<std::string>&)> on_listening;
  bool measures_requests = true;  ///< by class, status and time
  /// Called by run_edge() once it serves; what it gives is kept until the draining begins.
  std::function<std::shared_ptr<void>(const Edge& serving)> while_serving;
};

/// Counted since the start, over all threads.
struct EdgeCounters {
  std::uint64_t connections = 0;
  std::uint64_t open_connections = 0;
  std::uint64_t requests = 0;
  std::uint64_t client_errors = 0;  ///< answers 4xx
  std::uint64_t server_errors = 0;  ///< answers 5xx
  std::uint64_t bytes_out = 0;
  std::uint64_t upstream_failures = 0;
  std::uint64_t generation = 0;  ///< of the routes served
};

/// Serves until SIGTERM or SIGINT, then drains: no new connections, what is in flight ends, with a
/// deadline. Takes over sockets passed by LISTEN_FDS (systemd's protocol). Blocks; owns the
/// process's signals.
///
/// An upgrade starts the new edge beside the old one, on the same addresses (SO_REUSEPORT; new
/// connections go to the newer one from its first moment) or with the same inherited sockets, and
/// then ends the old one by SIGTERM.
Result<void> run_edge(EdgeSettings settings);

/// The edge inside a process of its owner: for tests, and for run_edge.
class Edge {
 public:
  static Result<std::unique_ptr<Edge>> start(EdgeSettings settings);
  virtual ~Edge() = default;
  virtual const std::vector<std::string>& addresses() const = 0;
  virtual EdgeCounters counters() const = 0;
  /// Adds its numbers to the page; thread safe.
  virtual void measure(metrics::Page& page) const = 0;
  /// Begins to drain; thread safe, idempotent.
  virtual void drain() = 0;
  /// Blocks until drained. The destructor aborts what is left.
  virtual void join() = 0;
};

}  // namespace croft
