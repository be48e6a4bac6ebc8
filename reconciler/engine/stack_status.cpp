#include "reconciler/engine/stack_status.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <span>

#include <fmt/format.h>

namespace croft {

namespace {

using Parts = std::vector<const ResourceStatus*>;

/// Of several phases the one that a person would want to hear of first.
Phase overall_phase(const Parts& services) {
  constexpr std::array kWorstFirst{Phase::Failed,  Phase::Starting, Phase::Created, Phase::Stopping,
                                   Phase::Stopped, Phase::Asleep,   Phase::Running};
  for (const Phase phase : kWorstFirst) {
    const bool is_in_it = std::ranges::any_of(
        services, [&](const ResourceStatus* service) { return service->phase == phase; });
    if (is_in_it) return phase;
  }
  return services.empty() ? Phase::Created : services.front()->phase;
}

bool is_ready(const ResourceStatus& part) {
  const Condition* ready = find_condition(part.conditions, "Ready");
  return ready != nullptr && ready->status == ConditionStatus::True;
}

Condition overall_readiness(const Parts& parts, const Parts& services) {
  Condition overall{"Ready", ConditionStatus::True, "Running", "", {}};
  const auto ready_count = std::ranges::count_if(
      services, [](const ResourceStatus* service) { return is_ready(*service); });
  overall.message = fmt::format("{}/{} services", ready_count, services.size());
  for (const ResourceStatus* part : parts) {
    const Condition* ready = find_condition(part->conditions, "Ready");
    if (ready == nullptr) continue;
    overall.since = std::max(overall.since, ready->since);
    if (ready->status == ConditionStatus::True || overall.status != ConditionStatus::True) continue;
    overall.status = ready->status;
    overall.reason = ready->reason;
    overall.message += fmt::format("; {}: {}{}", name_in_stack(part->ref), ready->reason,
                                   ready->message.empty() ? "" : ": " + ready->message);
  }
  return overall;
}

/// What else is true of parts, each with the part that it is true of.
void add_other_conditions(const Parts& parts, std::vector<Condition>& conditions) {
  for (const ResourceStatus* part : parts) {
    for (const Condition& condition : part->conditions) {
      if (condition.type == "Ready" || find_condition(conditions, condition.type) != nullptr)
        continue;
      Condition noted = condition;
      noted.message = fmt::format("{}: {}", name_in_stack(part->ref), condition.message);
      conditions.push_back(std::move(noted));
    }
  }
}

ResourceStatus overall(const Ref& stack, const Parts& parts) {
  Parts services;
  for (const ResourceStatus* part : parts) {
    if (part->ref.kind == Kind::Service) services.push_back(part);
  }
  ResourceStatus status;
  status.ref = stack;
  status.provider = parts.front()->provider;
  status.source = parts.front()->source;
  status.created_at = parts.front()->created_at;
  status.phase = overall_phase(services.empty() ? parts : services);
  status.conditions.push_back(overall_readiness(parts, services));
  status.message = status.conditions.front().message;
  add_other_conditions(parts, status.conditions);
  for (const ResourceStatus* part : parts) {
    status.restarts += part->restarts;
    status.created_at = std::min(status.created_at, part->created_at);
    status.observed_at = std::max(status.observed_at, part->observed_at);
    if (status.url.empty()) status.url = part->url;
    // Applied is what all of it has reached.
    if (part == parts.front() || part->applied_revision != status.applied_revision)
      status.applied_revision = part == parts.front() ? part->applied_revision : "";
    status.attempted_revision = part->attempted_revision;
    for (const DirectiveRow& directive : part->directives) {
      const bool is_known = std::ranges::any_of(status.directives, [&](const DirectiveRow& known) {
        return known.ref == directive.ref && known.verb == directive.verb;
      });
      if (!is_known && directive.ref == stack) status.directives.push_back(directive);
    }
  }
  return status;
}

}  // namespace

std::vector<ResourceStatus> stack_statuses(const std::vector<ResourceStatus>& statuses) {
  std::map<Ref, Parts> parts;
  for (const ResourceStatus& status : statuses) {
    if (const auto stack = stack_of(status.ref)) parts[*stack].push_back(&status);
  }
  std::vector<ResourceStatus> stacks;
  for (const auto& [stack, its] : parts) stacks.push_back(overall(stack, its));
  return stacks;
}

}  // namespace croft
