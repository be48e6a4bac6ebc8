#include "core/resource/status.hpp"

#include <algorithm>
#include <array>

namespace croft {

namespace {

constexpr std::array<std::string_view, 9> kPhases{"Created",   "Starting", "Running",
                                                  "Asleep",    "Stopping", "Stopped",
                                                  "Completed", "Failed",   "Destroyed"};
constexpr std::array<std::string_view, 3> kStatuses{"True", "False", "Unknown"};

template <typename Enum, std::size_t N>
std::optional<Enum> from_name(const std::array<std::string_view, N>& names, std::string_view name) {
  const auto* found = std::ranges::find(names, name);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

}  // namespace

std::string_view to_string(Phase phase) { return kPhases[static_cast<std::size_t>(phase)]; }
std::optional<Phase> phase_from(std::string_view name) { return from_name<Phase>(kPhases, name); }

std::string_view to_string(ConditionStatus status) {
  return kStatuses[static_cast<std::size_t>(status)];
}
std::optional<ConditionStatus> condition_status_from(std::string_view name) {
  return from_name<ConditionStatus>(kStatuses, name);
}

const Condition* find_condition(const std::vector<Condition>& conditions, std::string_view type) {
  const auto found = std::ranges::find(conditions, type, &Condition::type);
  return found == conditions.end() ? nullptr : &*found;
}

bool set_condition(std::vector<Condition>& conditions, Condition condition) {
  const auto found = std::ranges::find(conditions, condition.type, &Condition::type);
  if (found == conditions.end()) {
    conditions.push_back(std::move(condition));
    return true;
  }
  if (found->status == condition.status && found->reason == condition.reason)
    condition.since = found->since;
  const bool is_changed = found->status != condition.status || found->reason != condition.reason ||
                          found->message != condition.message;
  *found = std::move(condition);
  return is_changed;
}

bool clear_condition(std::vector<Condition>& conditions, std::string_view type) {
  return std::erase_if(conditions, [&](const Condition& one) { return one.type == type; }) > 0;
}

}  // namespace croft
