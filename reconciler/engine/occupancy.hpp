#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "core/base/result.hpp"

namespace croft {

/// How many of something there are at a time, all in all and of each tenant. On one executor.
class Occupancy : public std::enable_shared_from_this<Occupancy> {
 public:
  struct Limits {
    int total = 1;
    int of_a_tenant = 1;
  };
  explicit Occupancy(Limits limits) : limits_(limits) {}

  /// Gives its place back when it goes; it may outlive everything else.
  using Place = std::shared_ptr<void>;

  /// Unavailable, naming what there is too much of ("commands"), if there is no place.
  Result<Place> take(const std::string& tenant, std::string_view what) {
    if (taken_ >= limits_.total || by_tenant_[tenant] >= limits_.of_a_tenant) {
      return fail(
          Error(ErrorCode::Unavailable, "there are too many " + std::string(what) + " at once")
              .with_hint("try again when one of them has ended"));
    }
    ++taken_;
    ++by_tenant_[tenant];
    return Place(nullptr, [self = shared_from_this(), tenant](void*) {
      --self->taken_;
      if (--self->by_tenant_[tenant] == 0) self->by_tenant_.erase(tenant);
    });
  }

 private:
  Limits limits_;
  int taken_ = 0;
  std::map<std::string, int> by_tenant_;
};

}  // namespace croft
