#pragma once

#include <functional>
#include <string>

#include "core/base/async.hpp"
#include "core/net/server.hpp"
#include "gateway/metrics/control_metrics.hpp"

namespace croft {

/// Answers /metrics, /healthz and /readyz over HTTP to whoever can reach it: they say nothing of
/// tenants' things but numbers. On the control executor.
///
/// - /healthz is 200 as soon as the process answers at all: its loop turns.
/// - /readyz is 200 once control can do its work, else 503 with JSON: {"status": "unavailable",
///   "reasons": [...]}.
class WatchServer {
 public:
  /// `present` gives the metrics once the engine has started, null before and after.
  WatchServer(asio::any_io_executor executor, std::function<const ControlMetrics*()> present);

  /// "HOST:PORT"; gives the port.
  Result<int> listen(const std::string& address);
  Task<> stop(Duration grace) { return server_.stop(grace); }

 private:
  Task<HttpResponse> answer(HttpRequest request);
  Task<HttpResponse> readiness() const;

  std::function<const ControlMetrics*()> present_;
  HttpServer server_;
};

}  // namespace croft
