#include "plans/admission/quotas.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "core/base/units.hpp"

namespace croft::plans {

namespace {

using Footprints = std::vector<Footprint>;

std::string as_count(std::int64_t amount) { return std::to_string(amount); }
std::string as_bytes(std::int64_t amount) { return format_bytes(Bytes{amount}); }
std::string as_cpu(std::int64_t amount) { return format_cpu(Cpu{amount}); }

std::int64_t count_of(const Footprints& set, Kind kind) {
  return std::ranges::count_if(set, [&](const Footprint& one) { return one.ref.kind == kind; });
}

template <auto Member>
std::int64_t sum_of(const Footprints& set) {
  std::int64_t sum = 0;
  for (const Footprint& one : set) sum += one.*Member;
  return sum;
}

std::int64_t largest_file(const Footprints& set) {
  std::int64_t largest = 0;
  for (const Footprint& one : set) largest = std::max(largest, one.largest_file);
  return largest;
}

std::int64_t count_stacks(const Footprints& set) {
  std::set<Ref> stacks;
  for (const Footprint& one : set) {
    if (const auto stack = stack_of(one.ref)) stacks.insert(*stack);
  }
  return static_cast<std::int64_t>(stacks.size());
}

/// How many Instances and Services run by the provider that they are on. Sites are served by Croft
/// itself.
std::map<std::string, std::int64_t> running_by_provider(const Footprints& set) {
  std::map<std::string, std::int64_t> counts;
  for (const Footprint& one : set) {
    if (is_workload(one.ref.kind)) counts[one.provider] += one.runs ? 1 : 0;
  }
  return counts;
}

std::int64_t running(const Footprints& set) {
  std::int64_t sum = 0;
  for (const auto& [provider, count] : running_by_provider(set)) sum += count;
  return sum;
}

std::int64_t most_running_on_one_provider(const Footprints& set) {
  std::int64_t most = 0;
  for (const auto& [provider, count] : running_by_provider(set)) most = std::max(most, count);
  return most;
}

std::int64_t providers_in_use(const Footprints& set) {
  return static_cast<std::int64_t>(running_by_provider(set).size());
}

/// A quota of the Plan kind: its field, and how its quantity is counted and written.
struct Quota {
  const char* field;
  const char* words;  ///< after a number or size: "allows 3 instances"
  std::int64_t (*measure)(const Footprints&);
  std::string (*print)(std::int64_t);
  bool is_used_up = true;  ///< bit by bit, so that people want to know how much is left
};

constexpr auto kQuotas = std::to_array<Quota>({
    {"instances", "instances", [](const Footprints& set) { return count_of(set, Kind::Instance); },
     as_count},
    {"sites", "sites", [](const Footprints& set) { return count_of(set, Kind::Site); }, as_count},
    {"stacks", "stacks", count_stacks, as_count},
    {"services", "services of stacks",
     [](const Footprints& set) { return count_of(set, Kind::Service); }, as_count},
    {"concurrent", "instances at a time", running, as_count},
    {"concurrentPerProvider", "instances at a time on one provider", most_running_on_one_provider,
     as_count},
    {"providers", "providers", providers_in_use, as_count},
    {"domains", "hosts of their own", sum_of<&Footprint::hosts>, as_count},
    {"cpu", "of cpu", sum_of<&Footprint::cpu_millis>, as_cpu},
    {"memory", "of memory", sum_of<&Footprint::memory_bytes>, as_bytes},
    {"storage", "of storage", sum_of<&Footprint::storage_bytes>, as_bytes},
    {"fileSize", "a file", largest_file, as_bytes, false},
});

const Value* limit_of(const PlanTerms& plan, const Quota& quota) {
  const Value* quotas = plan.spec->find("quotas");
  const Value* limit = quotas == nullptr ? nullptr : quotas->find(quota.field);
  return limit != nullptr && limit->is_integer() ? limit : nullptr;
}

/// The highest of the plan's thresholds that `asked` reaches and `used` did not.
std::optional<int> threshold_reached(const PlanTerms& plan, std::int64_t limit, std::int64_t used,
                                     std::int64_t asked) {
  const Value* thresholds = plan.spec->find("usageThresholds");
  if (thresholds == nullptr || limit <= 0) return std::nullopt;
  const auto reaches = [limit](std::int64_t amount, std::int64_t percent) {
    return static_cast<double>(amount) * 100 >=
           static_cast<double>(limit) * static_cast<double>(percent);
  };
  std::optional<int> highest;
  for (const Value& threshold : thresholds->as_list()) {
    const auto percent = static_cast<int>(threshold.as_integer());
    if (reaches(asked, percent) && !reaches(used, percent))
      highest = std::max(highest.value_or(0), percent);
  }
  return highest;
}

/// The plan with the smallest limit that would do; of equal ones the first by name.
std::string which_plan_allows(const Quota& quota, std::int64_t asked,
                              const std::vector<const PlanTerms*>& others) {
  const PlanTerms* best = nullptr;
  std::int64_t best_limit = 0;
  for (const PlanTerms* plan : others) {
    const Value* limit = limit_of(*plan, quota);
    const std::int64_t allowed = limit == nullptr ? INT64_MAX : limit->as_integer();
    if (allowed < asked || (best != nullptr && allowed >= best_limit)) continue;
    best = plan;
    best_limit = allowed;
  }
  if (best == nullptr) return "no plan allows that";
  if (best_limit == INT64_MAX) return fmt::format("plan '{}' does not limit it", best->name);
  return fmt::format("plan '{}' allows {} {}", best->name, quota.print(best_limit), quota.words);
}

/// Who raises the quantity: the first that is new or larger than it was.
Ref culprit(const Quota& quota, const std::vector<Footprints>& before, const Footprints& after) {
  std::map<Ref, const Footprint*> known;
  for (const Footprints& set : before) {
    for (const Footprint& one : set) known[one.ref] = &one;
  }
  for (const Footprint& one : after) {
    const auto was = known.find(one.ref);
    const std::int64_t then = was == known.end() ? 0 : quota.measure({*was->second});
    if (quota.measure({one}) > then ||
        (was != known.end() && was->second->provider != one.provider))
      return one.ref;
  }
  return after.empty() ? Ref{} : after.front().ref;
}

}  // namespace

QuotaVerdict check_quotas(const PlanTerms& plan, const std::vector<Footprints>& before,
                          const Footprints& after, const std::vector<const PlanTerms*>& others) {
  QuotaVerdict verdict;
  for (const Quota& quota : kQuotas) {
    const Value* limit = limit_of(plan, quota);
    if (limit == nullptr) continue;
    const std::int64_t asked = quota.measure(after);
    std::int64_t used = 0;
    for (const Footprints& set : before) used = std::max(used, quota.measure(set));
    const bool is_exceeded = asked > limit->as_integer();
    const std::optional<int> percent =
        quota.is_used_up ? threshold_reached(plan, limit->as_integer(), used, asked) : std::nullopt;
    if (percent) {
      verdict.reached.push_back(
          {quota.field, *percent, quota.print(asked), quota.print(limit->as_integer())});
    }
    verdict.uses.push_back(
        {quota.field, quota.print(asked), quota.print(limit->as_integer()), is_exceeded});
    if (!is_exceeded || asked <= used) continue;
    Problem refusal;
    refusal.ref = culprit(quota, before, after);
    refusal.path = "spec";
    refusal.message = fmt::format("plan '{}' allows {} {}, this asks for {} ({} now)", plan.name,
                                  quota.print(limit->as_integer()), quota.words, quota.print(asked),
                                  quota.print(used));
    refusal.hint = which_plan_allows(quota, asked, others);
    verdict.refusals.push_back(std::move(refusal));
  }
  return verdict;
}

}  // namespace croft::plans
