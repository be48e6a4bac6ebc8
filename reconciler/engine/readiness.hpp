#pragma once

#include <optional>
#include <string>

#include "core/resource/status.hpp"
#include "providers/port/provider.hpp"

namespace croft {

/// What Croft's own health checks know of a resource.
struct HealthState {
  Health health = Health::Unknown;
  bool was_passing = false;  ///< at some time during the present run
  bool is_overdue = false;   ///< did not pass within startWithin
  std::string message;       ///< of the last failure
};

/// Everything that decides whether a resource is ready.
struct ReadinessInput {
  const Observed* observed = nullptr;  ///< null: its provider does not know it
  bool provider_answers = true;        ///< false: it could not be observed
  std::string provider_error;
  bool has_health_check = false;
  HealthState health;
  std::string held_reason;  ///< not empty: "Held" (a stop by hand) or "TenantSuspended" is in force
  std::string held_message;
};

/// The `Ready` condition. Pure.
Condition readiness(const ReadinessInput& input, Timestamp now);

/// True if what runs may get requests: it passes its checks, or it did before and there is nobody
/// better.
bool takes_traffic(const ReadinessInput& input);

}  // namespace croft
