#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/manifest/problem.hpp"
#include "plans/footprint.hpp"
#include "plans/terms.hpp"

namespace croft::plans {

/// How much of a quota would be used, in words.
struct QuotaUse {
  std::string name;   ///< "instances", "memory"
  std::string used;   ///< "4", "640MiB"
  std::string limit;  ///< "20", "16GiB"
  bool is_exceeded = false;

  bool operator==(const QuotaUse&) const = default;
};

/// A part of a quota that is reached, and was not before.
struct ThresholdReached {
  std::string quota;  ///< "memory"
  int percent = 0;    ///< of the limit: one of Plan.spec.usageThresholds
  std::string used;   ///< "13GiB"
  std::string limit;  ///< "16GiB"

  bool operator==(const ThresholdReached&) const = default;
};

/// What a plan says to a set of resources.
struct QuotaVerdict {
  std::vector<Problem> refusals;  ///< at the resource that brings the quantity past its limit
  std::vector<QuotaUse> uses;     ///< after; of the quotas that the plan has, in their order there
  /// The highest of each quota. Nothing of quotas that are no sum (fileSize) or allow nothing.
  std::vector<ThresholdReached> reached;
};

/// Judges what a tenant asks for. Refused is only what raises a quantity that is beyond its limit
/// then: what is unchanged, reduced or removed passes, also after the tenant came to a smaller
/// plan. A refusal says what is used, what is asked for, the limit, and which of `others` would
/// allow it.
///
/// `before` are the sets that count as granted already (what runs, what was accepted): the largest
/// counts, each quantity by itself. Pure.
QuotaVerdict check_quotas(const PlanTerms& plan, const std::vector<std::vector<Footprint>>& before,
                          const std::vector<Footprint>& after,
                          const std::vector<const PlanTerms*>& others);

}  // namespace croft::plans
