#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "gateway/edge/access_log.hpp"
#include "gateway/edge/edge.hpp"
#include "gateway/edge/measures.hpp"
#include "gateway/edge/peer.hpp"
#include "gateway/edge/prepared.hpp"
#include "gateway/edge/release_cache.hpp"
#include "gateway/edge/route_map.hpp"
#include "gateway/edge/stream.hpp"
#include "gateway/edge/upstream.hpp"

namespace croft::edge {

class Connection;

/// What all workers read and none changes, and the few things that are safe to share.
struct Shared {
  EdgeSettings settings;
  TrustedProxies trusted;
  ReleaseCache releases;
  BlockingPool disk{2};
  std::atomic<std::size_t> open_connections{0};

  explicit Shared(EdgeSettings chosen)
      : settings(std::move(chosen)), releases(settings.release_store, 500'000) {}
};

/// Numbers that one worker counts and others may read.
struct WorkerCounters {
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> client_errors{0};
  std::atomic<std::uint64_t> server_errors{0};
  std::atomic<std::uint64_t> bytes_out{0};
  std::atomic<std::uint64_t> upstream_failures{0};
};

/// One thread of the edge: an io_context with the connections that live on it, their caches and
/// pools. Methods are for its own thread, except where marked.
class Worker {
 public:
  Worker(Shared& shared, AccessLog log);
  ~Worker();

  /// Runs until drained; the body of the worker's thread.
  void run();

  asio::io_context& io() { return io_; }                    ///< any thread may post to it
  void adopt(UniqueFd client, Peer peer);                   ///< any thread
  void set_routes(std::shared_ptr<const RouteMap> routes);  ///< any thread
  void drain();                                             ///< any thread
  void end_adopting();                                      ///< any thread: after the last adopt()
  void abort();                                             ///< any thread: closes everything

  const EdgeSettings& settings() const { return shared_.settings; }
  const EdgeLimits& limits() const { return shared_.settings.limits; }
  Shared& shared() { return shared_; }
  const std::shared_ptr<const RouteMap>& routes() const { return routes_; }
  PreparedCache& prepared() { return prepared_; }
  UpstreamPool& upstreams() { return upstreams_; }
  AccessLog& access_log() { return access_log_; }
  WorkerCounters& counters() { return counters_; }
  RequestMeasures& measures() { return measures_; }
  bool is_draining() const { return is_draining_; }
  /// The time of the last tick: exact enough for deadlines, and free.
  SteadyTime now() const { return now_; }
  /// "Date: Sat, 21 Nov 2026 03:15:00 GMT\r\n"
  std::string_view date_line() const { return date_line_; }
  /// "HTTP/1.1 200 OK\r\n" and the date line.
  std::string_view ok_line() const { return ok_line_; }

  /// True at most once a second: for lines in the log that each request could cause.
  bool may_complain();

  /// The release behind a route if it is already known here, else null: then load_release.
  const std::shared_ptr<const Release>& known_release(const EdgeRoute& route) const;
  Task<Result<std::shared_ptr<const Release>>> load_release(std::shared_ptr<const RouteMap> routes,
                                                            const EdgeRoute* route);

 private:
  friend class Connection;
  void tick();
  Task<> keep_ticking();
  void refresh_date();
  void begin_drain();
  bool make_room();
  void finish_if_drained();

  Shared& shared_;
  asio::io_context io_;
  std::list<Connection*> connections_;
  std::shared_ptr<const RouteMap> routes_;
  std::unordered_map<const EdgeRoute*, std::shared_ptr<const Release>> known_releases_;
  PreparedCache prepared_;
  UpstreamPool upstreams_;
  AccessLog access_log_;
  WorkerCounters counters_;
  RequestMeasures measures_;
  SteadyTime now_;
  SteadyTime drain_began_;
  SteadyTime next_complaint_;
  std::int64_t date_second_ = 0;
  std::string date_line_;
  std::string ok_line_;
  bool is_draining_ = false;
  bool adopts_ = true;
  bool is_done_ = false;
};

}  // namespace croft::edge
