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

/// Prices a tenant's resources before and after. Give it all of them, those that do not change too.
/// Asks the rule once for each side, and once or twice for each change that money can see.
/// Errors: those of Pricer::quote().
Result<SetPrice> price_changes(Pricer& pricer, const PlanTerms& terms,
                               const std::vector<ResourceChange>& changes, Period period = {});

}  // namespace croft::plans
