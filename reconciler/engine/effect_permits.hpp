#pragma once

#include <memory>
#include <string>
#include <utility>

#include "core/base/async.hpp"
#include "core/base/units.hpp"

namespace croft {

/// How many effects are at a provider at a time.
struct EffectLimits {
  /// Of one tenant. A tenant alone gets all of these at once.
  int of_tenant = 8;
  /// Of all tenants together; more than one tenant may have, so that others find some free.
  int of_all = 12;
  /// An effect that takes longer than that only waits (for a stop's grace, a build, a health check)
  /// and no longer counts among all; it goes on counting for its tenant. So nobody waits longer
  /// than that for a permit because of other tenants, whatever their effects do.
  Duration waits_after{20'000};
};

/// Bounds what is done at one provider at a time, fairly: a permit that comes free goes to the
/// tenant that has fewest, and among those to the one that waited longest. On one executor; not
/// thread safe.
class EffectPermits {
  struct State;
  struct Grant;

 public:
  EffectPermits(asio::any_io_executor executor, EffectLimits limits);

  /// Gives itself back when it goes; it may outlive the permits.
  class Permit {
   public:
    explicit Permit(std::unique_ptr<Grant> grant);
    Permit(Permit&&) noexcept;
    Permit& operator=(Permit&&) = delete;
    ~Permit();

   private:
    std::unique_ptr<Grant> grant_;
  };

  Task<Permit> acquire(std::string tenant);

 private:
  struct Waiter;

  asio::any_io_executor executor_;
  std::shared_ptr<State> state_;
};

}  // namespace croft
