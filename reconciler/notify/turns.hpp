#pragma once

#include <map>
#include <string>

#include "core/base/async.hpp"

namespace croft::notify {

/// Bounds how many attempts are under way at once: over all, and for each tenant, so that nobody's
/// endpoints take all of it. First come, first served. On one executor.
class AttemptTurns {
 public:
  AttemptTurns(asio::any_io_executor executor, int of_all, int of_tenant);

  /// Ends when it goes. A tenant's own comes first: who waits for it takes nothing from others.
  struct Turn {
    Semaphore::Permit of_tenant;
    Semaphore::Permit of_all;
  };
  /// It must not go before the turn is given.
  Task<Turn> take(std::string tenant);

 private:
  asio::any_io_executor executor_;
  int of_tenant_;
  Semaphore all_;
  std::map<std::string, Semaphore> tenants_;
};

}  // namespace croft::notify
