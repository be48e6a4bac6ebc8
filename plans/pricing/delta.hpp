#pragma once

#include <optional>
#include <vector>

#include "plans/pricing/quote.hpp"

namespace croft::plans {

/// A resource before and after; not there where it is new or gone.
struct ResourceChange {
  std::optional<PricedResource> before;
  std::optional<PricedResource> after;
};

/// What one change costs, given all the others: what is paid with it less what is paid without it.
struct ChangePrice {
  Money before;
  Money after;
  Money delta;  ///< after - before

  bool operator==(const ChangePrice&) const = default;
};

/// What a set of changes costs.
struct SetPrice {
  Quote before;
  Quote after;
  Money delta;                       ///< after.total - before.total
  std::vector<ChangePrice> changes;  ///< as they were given
  /// What the deltas of the changes do not add up to: what allowances that resources share absorb,
  /// or what several changes cost only together.
  Money shared;
};

/// Prices a tenant's resources before and after. Give it all of them, those that do not change too.
/// Asks the rule once for each side, and once or twice for each change that money can see.
/// Errors: those of Pricer::quote().
Result<SetPrice> price_changes(Pricer& pricer, const PlanTerms& terms,
                               const std::vector<ResourceChange>& changes, Period period = {});

}  // namespace croft::plans
