#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/units.hpp"
#include "core/store/rows.hpp"
#include "plans/pricing/price.hpp"

namespace croft::plans {

/// The last calendar month that is over, in UTC: [from, to).
struct Month {
  Timestamp from;
  Timestamp to;
  std::string name;  ///< "October"
};
Month last_full_month(Timestamp now);

/// What was measured in that month, by resource uid, active time in seconds. Facts that reach
/// beyond it are cut at its ends; open ones count until their last heartbeat.
std::map<std::string, Usage> measured_usage(const std::vector<UsageRow>& facts, const Month& month);

/// How a resource is counted, and why.
enum class Basis {
  Measured,  ///< it was there all month: what was measured is what is assumed to come
  AlwaysOn,  ///< it is new: as if it ran without a pause
  NotRun,    ///< of a kind that does not run, like a Site
};

/// Fills in `resource.usage`: what was measured if the resource was there before the month began,
/// else always-on. Volumes count whole.
Basis assume_usage(PricedResource& resource, std::optional<Timestamp> created_at,
                   const Usage* measured, const Month& month, Period period = {});

/// Says what a quote stands on: "40 active hours as in October; always-on (730 h) for what is new".
std::string basis_words(std::int64_t measured_seconds, bool has_measured, bool has_new,
                        const Month& month);

}  // namespace croft::plans
