#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/value.hpp"
#include "providers/port/provider.hpp"
#include "reconciler/engine/readiness.hpp"

namespace croft {

/// One resource's health check, as its spec says it.
struct HealthCheck {
  std::string http_path;             ///< GET this; 2xx and 3xx pass
  std::string host;                  ///< Host header for it
  bool tcp = false;                  ///< a connection passes
  std::vector<std::string> command;  ///< exit status 0 passes
  Duration interval{10'000};
  Duration timeout{5'000};
  Duration start_within{60'000};

  bool operator==(const HealthCheck&) const = default;
};

/// The check that an Instance's spec asks for. One with `http` and no `health` is checked by
/// connecting; one with neither has none.
std::optional<HealthCheck> health_check_of(const Ref& ref, const Value& spec);

/// Checks what runs, each on a timer of its own, so that waiting for health never holds up a pass.
/// On the control executor.
class HealthMonitor {
 public:
  using Exec = std::function<Task<Result<int>>(std::string uid, std::vector<std::string> command,
                                               Duration deadline)>;

  /// `changed` is called with a uid whenever its state() changes.
  HealthMonitor(asio::any_io_executor executor,
                std::function<void(const std::string& uid)> changed);
  ~HealthMonitor();

  /// Starts checking, or goes on if check, endpoint and run are the same. `run` tells one run of
  /// the app from the next. `known` is what is believed until the first check ends.
  void watch(const std::string& uid, const HealthCheck& check, const Endpoint& endpoint,
             const std::string& run, const HealthState& known, Exec exec);
  void forget(const std::string& uid);
  bool is_watching(const std::string& uid) const { return watches_.contains(uid); }
  HealthState state(const std::string& uid) const;

 private:
  struct Watch;
  static Task<> loop(std::shared_ptr<Watch> watch);

  asio::any_io_executor executor_;
  std::function<void(const std::string& uid)> changed_;
  std::map<std::string, std::shared_ptr<Watch>> watches_;
};

/// One try of a check. Unavailable or Timeout with what was seen if it does not pass.
Task<Result<void>> probe(HealthCheck check, Endpoint endpoint, std::string uid,
                         HealthMonitor::Exec exec);

}  // namespace croft
