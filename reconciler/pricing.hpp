#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/store/rows.hpp"
#include "plans/pricing/quote.hpp"
#include "reconciler/admission.hpp"
#include "reconciler/changeset.hpp"
#include "reconciler/world.hpp"

namespace croft {

/// What prices stand on, beside the changeset itself.
struct PricingRequest {
  const plans::PlanTerms* plan = nullptr;
  const World* world = nullptr;          ///< the changeset's: when things were accepted
  const FilesSizes* sizes = nullptr;     ///< may be null
  std::vector<UsageRow> facts;           ///< the tenant's, of plans::last_full_month() at least
};

/// Adds prices to the changeset and to each change of it: of a month with the same usage as in the
/// last one, always-on for what is new. A rule that fails becomes a note: a diff is of use without
/// its price. Nothing happens if the plan has no price. Pure.
void add_prices(Changeset& changeset, const PricingRequest& request, plans::Pricer& pricer);

}  // namespace croft
