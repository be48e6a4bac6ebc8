#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/units.hpp"

namespace croft {

/// Where a resource is in its life, as its provider reports it.
enum class Phase {
  Created,
  Starting,
  Running,
  Asleep,
  Stopping,
  Stopped,
  Completed,
  Failed,
  Destroyed
};
std::string_view to_string(Phase phase);
std::optional<Phase> phase_from(std::string_view name);

enum class ConditionStatus { True, False, Unknown };
std::string_view to_string(ConditionStatus status);
std::optional<ConditionStatus> condition_status_from(std::string_view name);

/// Machine-readable status. `Ready` is always there; `Reconciling`, `Stalled`, `PruneGuarded`,
/// `StorageExceeded`, `Suspended`, `Unenforced` only while True.
struct Condition {
  std::string type;
  ConditionStatus status = ConditionStatus::Unknown;
  std::string reason;   ///< CamelCase, for machines: "CrashLoop"
  std::string message;  ///< for people
  Timestamp since;      ///< when the status last changed

  bool operator==(const Condition&) const = default;
};

/// The condition of that type, or null.
const Condition* find_condition(const std::vector<Condition>& conditions, std::string_view type);
/// Sets or replaces a condition; `since` moves only if the status or reason changed. True if
/// anything but since changed.
bool set_condition(std::vector<Condition>& conditions, Condition condition);
bool clear_condition(std::vector<Condition>& conditions, std::string_view type);

enum class Severity { Normal, Warning };

}  // namespace croft
