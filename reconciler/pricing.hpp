#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/store/rows.hpp"
#include "plans/pricing/quote.hpp"
#include "reconciler/admission.hpp"
#include "reconciler/changeset.hpp"
#include "reconciler/world.hpp"

namespace croft {

/// What is known of how much a tenant's resources are used.
struct UsageFacts {
  const World* world = nullptr;       ///< when things were accepted
  const FilesSizes* sizes = nullptr;  ///< may be null
  std::vector<UsageRow> facts;        ///< the tenant's, of plans::last_full_month() at least
};

/// Why a tenant on that plan has no price; empty if there is one, or no plan at all. `terms` are
/// null for a plan that is not there or cannot be used.
std::string why_unpriced(const std::string& plan, const plans::PlanTerms* terms);

/// Adds prices to the changeset and to each change of it: of a month with the same usage as in the
/// last one, always-on for what is new. If there is none, or the rule fails, it says why: a diff is
/// of use without its price. Pure.
void add_prices(Changeset& changeset, const plans::PlanTerms* plan, const UsageFacts& usage,
                plans::Pricer& pricer);

/// A usage that somebody supposes, in the place of what was measured or assumed.
struct SupposedUsage {
  std::optional<std::int64_t> hours;  ///< that each Instance runs a month
  // Of all together, a month.
  std::optional<std::int64_t> storage_bytes;
  std::optional<std::int64_t> egress_bytes;
  std::optional<std::int64_t> requests;

  bool operator==(const SupposedUsage&) const = default;
};

/// What a set of resources costs a month under one plan.
struct PlanPrice {
  std::string plan;
  bool is_current = false;            ///< the tenant's own
  std::string rule;                   ///< empty: the plan has no price
  std::optional<plans::Quote> quote;  ///< nothing: see `problem`
  std::string problem;                ///< why it is not priced
  std::vector<Problem> refusals;      ///< what the plan would not allow, had the tenant nothing yet
  std::vector<std::string> unpriced;  ///< what is not in it, and why

  bool operator==(const PlanPrice&) const = default;
};

struct PriceList {
  std::vector<PlanPrice> plans;  ///< the tenant's own first, then by price, then by name
  std::string basis;             ///< the usage that is assumed

  bool operator==(const PriceList&) const = default;
};

/// Prices what `usage.world` declares under its plan, or under every plan of the platform. Pure.
PriceList price_plans(const PlatformTerms& platform, bool all_plans, const UsageFacts& usage,
                      const SupposedUsage& supposed, plans::Pricer& pricer);

}  // namespace croft
