#include "plans/pricing/basis.hpp"

#include <gmock/gmock.h>

#include "tests/plans/plans_support.hpp"

namespace croft::plans {

namespace {

Timestamp at(const char* text) { return parse_time(text).value(); }

UsageRow fact(const std::string& uid, const char* from, const char* to) {
  UsageRow row;
  row.resource_uid = uid;
  row.meter = "active";
  row.from = at(from);
  if (*to != '\0') row.to = at(to);
  row.heartbeat = row.to.value_or(at("2026-11-21T00:00:00Z"));
  return row;
}

TEST(BasisTest, TheLastFullMonthIsWholeAndInUtc) {
  const Month october = last_full_month(at("2026-11-21T10:00:00Z"));
  EXPECT_EQ(october.name, "October");
  EXPECT_EQ(format_time(october.from), "2026-10-01T00:00:00.000Z");
  EXPECT_EQ(format_time(october.to), "2026-11-01T00:00:00.000Z");
  EXPECT_EQ(last_full_month(at("2026-11-01T00:00:00Z")).name, "October");
  const Month december = last_full_month(at("2027-01-31T23:59:59Z"));
  EXPECT_EQ(format_time(december.from), "2026-12-01T00:00:00.000Z");
  EXPECT_EQ(format_time(last_full_month(at("2028-03-05T00:00:00Z")).from),
            "2028-02-01T00:00:00.000Z");
}

TEST(BasisTest, FactsAreCutAtTheEndsOfTheMonth) {
  const Month october = last_full_month(at("2026-11-21T10:00:00Z"));
  const auto usage =
      measured_usage({fact("a", "2026-09-30T23:00:00Z", "2026-10-01T02:00:00Z"),
                      fact("a", "2026-10-31T23:00:00Z", "2026-11-02T00:00:00Z"),
                      fact("b", "2026-10-31T00:00:00Z", ""), fact("c", "2026-11-02T00:00:00Z", "")},
                     october);
  EXPECT_EQ(usage.at("a").active_seconds, 3 * 3600);
  EXPECT_EQ(usage.at("b").active_seconds, 24 * 3600);
  EXPECT_FALSE(usage.contains("c"));
}

TEST(BasisTest, WhatWasThereAllMonthIsMeasuredAndTheRestIsAlwaysOn) {
  const Month october = last_full_month(at("2026-11-21T10:00:00Z"));
  const Usage measured{.active_seconds = 40 * 3600};
  PricedResource old = instance("old", 0, 1);
  EXPECT_EQ(assume_usage(old, at("2026-09-01T00:00:00Z"), &measured, october), Basis::Measured);
  EXPECT_EQ(old.usage.active_seconds, 40 * 3600);
  EXPECT_EQ(old.usage.storage_bytes, 1 << 30);
  EXPECT_FALSE(old.usage.egress_bytes) << "nobody measured it";

  PricedResource slept = instance("slept", 99);
  EXPECT_EQ(assume_usage(slept, at("2026-09-01T00:00:00Z"), nullptr, october), Basis::Measured);
  EXPECT_EQ(slept.usage.active_seconds, 0);

  PricedResource fresh = instance("fresh", 0);
  EXPECT_EQ(assume_usage(fresh, std::nullopt, nullptr, october), Basis::AlwaysOn);
  EXPECT_EQ(fresh.usage.active_seconds, 730 * 3600);

  PricedResource mid_month = instance("mid", 0);
  EXPECT_EQ(assume_usage(mid_month, at("2026-10-15T00:00:00Z"), &measured, october),
            Basis::AlwaysOn);

  PricedResource site;
  site.footprint.ref = {"alice", Kind::Site, "blog"};
  EXPECT_EQ(assume_usage(site, std::nullopt, nullptr, october), Basis::NotRun);
  EXPECT_FALSE(site.usage.active_seconds);
}

TEST(BasisTest, SaysWhatAQuoteStandsOn) {
  const Month october = last_full_month(at("2026-11-21T10:00:00Z"));
  EXPECT_EQ(basis_words(40 * 3600, true, true, october),
            "40 active hours as in October; always-on (730 h) for what is new");
  EXPECT_EQ(basis_words(40 * 3600, true, false, october), "40 active hours as in October");
  EXPECT_EQ(basis_words(0, false, true, october), "always-on (730 h)");
  EXPECT_EQ(basis_words(0, false, false, october), "");
}

}  // namespace

}  // namespace croft::plans
