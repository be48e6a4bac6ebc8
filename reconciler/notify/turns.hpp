#pragma once

#include <map>
#include <string>

#include "core/base/async.hpp"

namespace croft::notify {

/// Bounds how many attempts are under way at once: over all, and for each tenant, so that nobody's
/// endpoints take all of it. Attempts at endpoints that may well hang have half of each at most, so
/// that the other half is always quick. First come, first served. On one executor.
class AttemptTurns {
 public:
  AttemptTurns(asio::any_io_executor executor, int of_all, int of_tenant);

  /// Ends when it goes. A tenant's own comes first: who waits for it takes nothing from others.
  /// What is doubtful waits for its half first, and takes nothing from who is not.
  struct Turn {
    Semaphore::Permit doubtful_of_tenant;
    Semaphore::Permit of_tenant;
    Semaphore::Permit doubtful_of_all;
    Semaphore::Permit of_all;
  };
  /// It must not go before the turn is given. `is_doubtful`: the endpoint has yet to show that it
  /// answers, and soon.
  Task<Turn> take(std::string tenant, bool is_doubtful);

 private:
  struct Bound {
    Bound(asio::any_io_executor executor, int most);
    Semaphore whole;
    Semaphore doubtful;
  };

  asio::any_io_executor executor_;
  int of_tenant_;
  Bound all_;
  std::map<std::string, Bound> tenants_;
};

}  // namespace croft::notify
