#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "core/base/metrics.hpp"

namespace croft {

/// Shows the numbers of a role's process at a unix socket, from where control fetches them
/// (ControlMetrics). On a thread of its own, so that nothing else waits for it; it lives as long as
/// this does. While another process holds the socket (an upgrade), it waits for its turn.
class RoleMetrics {
 public:
  /// `collect` adds what is not in the registry; it is called on that thread.
  RoleMetrics(std::filesystem::path socket, metrics::Role role,
              std::function<void(metrics::Page&)> collect = {});
  ~RoleMetrics();
  RoleMetrics(const RoleMetrics&) = delete;
  RoleMetrics& operator=(const RoleMetrics&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Where a role of that data directory shows them.
std::filesystem::path role_metrics_socket(const std::filesystem::path& data, metrics::Role role);

}  // namespace croft
