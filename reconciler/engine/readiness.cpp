#include "reconciler/engine/readiness.hpp"

namespace croft {

namespace {

Condition ready(ConditionStatus status, std::string reason, std::string message, Timestamp now) {
  return Condition{"Ready", status, std::move(reason), std::move(message), now};
}

/// What is waited for, and what the last try of it said, if there was one.
std::string with_last(std::string waiting, const std::string& said) {
  return said.empty() ? waiting : waiting + ": " + said;
}

Condition running(const ReadinessInput& input, Timestamp now) {
  const Health health = input.has_health_check ? input.health.health : input.observed->health;
  switch (health) {
    case Health::Passing:
      return ready(ConditionStatus::True, "Running", "", now);
    case Health::Failing:
      return ready(ConditionStatus::False, "Unhealthy",
                   input.has_health_check ? input.health.message : input.observed->message, now);
    case Health::Unknown:
      break;
  }
  if (!input.has_health_check) return ready(ConditionStatus::True, "Running", "", now);
  if (input.health.is_overdue) {
    return ready(ConditionStatus::False, "Unhealthy",
                 with_last("not healthy within startWithin", input.health.message), now);
  }
  return ready(ConditionStatus::False, "Starting",
               with_last("waiting for its health check", input.health.message), now);
}

}  // namespace

Condition readiness(const ReadinessInput& input, Timestamp now) {
  if (!input.provider_answers) {
    return ready(ConditionStatus::Unknown, "ProviderUnavailable", input.provider_error, now);
  }
  if (input.observed == nullptr) {
    if (!input.held_reason.empty())
      return ready(ConditionStatus::False, input.held_reason, input.held_message, now);
    return ready(ConditionStatus::False, "Pending", "not made yet", now);
  }
  const Observed& observed = *input.observed;
  const auto reason_or = [&](const char* fallback) {
    return observed.reason.empty() ? fallback : observed.reason;
  };
  switch (observed.phase) {
    case Phase::Running:
      return running(input, now);
    case Phase::Asleep:
      return ready(ConditionStatus::True, "Asleep", observed.message, now);
    case Phase::Completed:
      return ready(ConditionStatus::True, "Completed", observed.message, now);
    case Phase::Created:
    case Phase::Starting:
      return ready(ConditionStatus::False, reason_or("Starting"), observed.message, now);
    case Phase::Stopping:
    case Phase::Stopped:
      if (!input.held_reason.empty())
        return ready(ConditionStatus::False, input.held_reason, input.held_message, now);
      return ready(ConditionStatus::False, reason_or("Stopped"), observed.message, now);
    case Phase::Failed:
      return ready(ConditionStatus::False, reason_or("Failed"), observed.message, now);
    case Phase::Destroyed:
      return ready(ConditionStatus::False, "Destroyed", observed.message, now);
  }
  return ready(ConditionStatus::Unknown, "Unknown", "", now);
}

bool takes_traffic(const ReadinessInput& input) {
  if (input.observed == nullptr || input.observed->phase != Phase::Running) return false;
  if (!input.has_health_check) return input.observed->health != Health::Failing;
  return input.health.health == Health::Passing || input.health.was_passing;
}

}  // namespace croft
