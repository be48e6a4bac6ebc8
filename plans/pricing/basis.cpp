#include "plans/pricing/basis.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

namespace croft::plans {

namespace {

constexpr std::array<std::string_view, 12> kMonths = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};

Timestamp start_of(std::chrono::year_month month) {
  return Timestamp(std::chrono::sys_days(month / 1).time_since_epoch());
}

}  // namespace

Month last_full_month(Timestamp now) {
  const auto today = std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(now));
  const std::chrono::year_month current(today.year(), today.month());
  const std::chrono::year_month last = current - std::chrono::months(1);
  return {.from = start_of(last),
          .to = start_of(current),
          .name = std::string(kMonths[static_cast<unsigned>(last.month()) - 1])};
}

std::map<std::string, Usage> measured_usage(const std::vector<UsageRow>& facts,
                                            const Month& month) {
  std::map<std::string, std::int64_t> milliseconds;
  for (const UsageRow& fact : facts) {
    if (fact.meter != "active") continue;
    const Timestamp from = std::max(fact.from, month.from);
    const Timestamp to = std::min(fact.to.value_or(fact.heartbeat), month.to);
    if (to > from) milliseconds[fact.resource_uid] += (to - from).count();
  }
  std::map<std::string, Usage> usage;
  for (const auto& [uid, count] : milliseconds) usage[uid].active_seconds = count / 1000;
  return usage;
}

Basis assume_usage(PricedResource& resource, std::optional<Timestamp> created_at,
                   const Usage* measured, const Month& month, Period period) {
  resource.usage = Usage{.storage_bytes = resource.footprint.storage_bytes};
  if (!is_workload(resource.footprint.ref.kind)) return Basis::NotRun;
  if (!created_at || *created_at > month.from) {
    resource.usage.active_seconds = period.seconds();
    return Basis::AlwaysOn;
  }
  // It was there all month: what was not measured did not happen.
  resource.usage.active_seconds =
      measured == nullptr ? 0 : measured->active_seconds.value_or(0) * period.months;
  return Basis::Measured;
}

std::string basis_words(std::int64_t measured_seconds, bool has_measured, bool has_new,
                        const Month& month) {
  const std::string always = fmt::format("always-on ({} h)", Period::kHoursAMonth);
  if (!has_measured) return has_new ? always : "";
  std::string words =
      fmt::format("{} active hours as in {}", (measured_seconds + 1800) / 3600, month.name);
  if (has_new) words += "; " + always + " for what is new";
  return words;
}

}  // namespace croft::plans
