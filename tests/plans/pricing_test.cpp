#include <fmt/format.h>
#include <gmock/gmock.h>

#include "tests/plans/plans_support.hpp"

namespace croft::plans {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kNine = R"("price": {"amount": "9.00", "currency": "USD", "per": "month"})";

class PricingTest : public testing::Test {
 protected:
  std::string priced(const std::string& spec, const std::vector<PricedResource>& resources,
                     Period period = {}) {
    return told(pricer_.quote(terms_of("{" + spec + "}"), set_of(resources), period));
  }
  std::string priced_by(const std::string& body,
                        const std::vector<PricedResource>& resources = {}) {
    const std::string rule =
        "return {api = 1, price = function(plan, resources, usage, period)\n" + body + "\nend}";
    return told(pricer_.quote(terms_of(std::string("{") + kNine + "}", rule), set_of(resources)));
  }

  Pricer pricer_ = Pricer::make().value();
};

TEST_F(PricingTest, AYearlyPriceIsTheSameWhateverRuns) {
  const std::string yearly = R"("price": {"amount": "20.00", "currency": "USD", "per": "year"})";
  EXPECT_EQ(priced(yearly, {}), "plan studio 1.67 | = 1.67 USD");
  EXPECT_EQ(priced(yearly, {instance("a", 730), instance("b", 730)}),
            "plan studio 1.67 | = 1.67 USD");
  EXPECT_EQ(priced(yearly, {}, {.months = 12}), "plan studio 20.00 | = 20.00 USD");
}

TEST_F(PricingTest, APricePerHourCountsHoursOfEachInstance) {
  const std::string hourly = R"("price": {"amount": "5.00", "currency": "USD", "per": "hour"})";
  EXPECT_EQ(priced(hourly, {instance("api", 2), instance("off", 0), instance("job", 1)}),
            "active hours Instance/api 10.00 | active hours Instance/job 5.00 | = 15.00 USD");
  EXPECT_EQ(priced(hourly, {}), "= 0.00 USD");
}

TEST_F(PricingTest, HoursPastTheIncludedOnesCost) {
  const std::string plan = std::string(kNine) +
                           R"(, "rules": "hours-included", "includes": {"activeHours": 100},
          "rates": [{"meter": "activeHours", "mode": "unit", "amount": "0.04"}])";
  EXPECT_EQ(priced(plan, {instance("api", 60)}), "plan studio 9.00 | = 9.00 USD");
  EXPECT_EQ(priced(plan, {instance("api", 60), instance("job", 60)}),
            "plan studio 9.00 | activeHours 0.80 | = 9.80 USD");
  // Twelve months include twelve times as much.
  EXPECT_EQ(priced(plan, {instance("api", 1300)}, {.months = 12}),
            "plan studio 108.00 | activeHours 4.00 | = 112.00 USD");
}

std::string tiered(const std::string& mode, const std::string& more) {
  return std::string(kNine) + R"(, "rates": [{"meter": "activeHours", "mode": ")" + mode + "\", " +
         more + "}]";
}

TEST_F(PricingTest, GraduatedTiersChargeEachUnitInItsOwn) {
  const std::string plan = tiered("graduated", R"("tiers": [{"upTo": 100, "amount": "0.10"},
      {"upTo": 200, "amount": "0.05", "flat": "1.00"}, {"amount": "0.01"}])");
  EXPECT_EQ(priced(plan, {instance("api", 100)}),
            "plan studio 9.00 | activeHours, up to 100 10.00 | = 19.00 USD");
  EXPECT_EQ(priced(plan, {instance("api", 250)}),
            "plan studio 9.00 | activeHours, up to 100 10.00 | activeHours, up to 200 5.00 | "
            "activeHours, tier 1.00 | activeHours, the rest 0.50 | = 25.50 USD");
}

TEST_F(PricingTest, VolumeTiersChargeAllUnitsInTheTierThatTheyReach) {
  const std::string plan =
      tiered("volume", R"("tiers": [{"upTo": 100, "amount": "0.10"}, {"amount": "0.05"}])");
  EXPECT_EQ(priced(plan, {instance("api", 100)}),
            "plan studio 9.00 | activeHours 10.00 | = 19.00 USD");
  EXPECT_EQ(priced(plan, {instance("api", 101)}),
            "plan studio 9.00 | activeHours 5.05 | = 14.05 USD");
}

TEST_F(PricingTest, PackagesAreChargedOnceBegun) {
  const std::string plan = tiered("package", R"("size": 100, "amount": "2.00")");
  EXPECT_EQ(priced(plan, {instance("api", 100)}),
            "plan studio 9.00 | activeHours 2.00 | = 11.00 USD");
  EXPECT_EQ(priced(plan, {instance("api", 101)}),
            "plan studio 9.00 | activeHours 4.00 | = 13.00 USD");
}

TEST_F(PricingTest, AFreeTierCostsNothingAndSaysWhatIsPastIt) {
  const PlanTerms terms = terms_of(R"({"price": {"amount": "0", "currency": "EUR", "per": "month"},
      "rules": "free-tier", "includes": {"activeHours": 20, "storage": 1073741824}})");
  const Quote quote = pricer_.quote(terms, set_of({instance("api", 60, 1)})).value();
  EXPECT_EQ(quote.total, (Money{0, "EUR"}));
  EXPECT_THAT(quote.notices, ElementsAre("activeHours: 40 hour past the free 20"));
}

TEST_F(PricingTest, StorageAndEgressPastWhatIsIncludedCost) {
  const std::string plan = std::string(kNine) +
                           R"(, "rules": "storage-egress", "includes": {"storage": 2147483648},
      "rates": [{"meter": "storage", "mode": "unit", "amount": "0.10"},
                {"meter": "egress", "mode": "unit", "amount": "0.02"}])";
  PricedResource api = instance("api", 730, 5);
  EXPECT_EQ(priced(plan, {api}), "plan studio 9.00 | storage 0.30 | = 9.30 USD");
  api.usage.egress_bytes = std::int64_t{100} << 30;
  EXPECT_EQ(priced(plan, {api}), "plan studio 9.00 | storage 0.30 | egress 2.00 | = 11.30 USD");
}

TEST_F(PricingTest, RoundsOnceALineHalfAwayFromZero) {
  EXPECT_EQ(priced_by("return {{text = 'a', rate = '0.005', quantity = 1}}"),
            "a 0.01 | = 0.01 USD");
  EXPECT_EQ(priced_by("return {{text = 'a', rate = '-0.005', quantity = 1}}"),
            "a -0.01 | = -0.01 USD");
  EXPECT_EQ(priced_by("return {{text = 'a', rate = '0.0049', quantity = 1}}"),
            "a 0.00 | = 0.00 USD");
  // A third, three times: one line is exact, three lines are rounded each by itself.
  EXPECT_EQ(priced_by("return {{text = 'a', rate = '10.00', quantity = 3, per = 3}}"),
            "a 10.00 | = 10.00 USD");
  EXPECT_EQ(priced_by("local l = {text = 'a', rate = '10.00', quantity = 1, per = 3}\n"
                      "return {l, l, l}"),
            "a 3.33 | a 3.33 | a 3.33 | = 9.99 USD");
}

TEST_F(PricingTest, AmountsAreMinorUnitsOrDecimalTexts) {
  EXPECT_EQ(priced_by("return {{text = 'a', amount = 2000}}"), "a 20.00 | = 20.00 USD");
  EXPECT_EQ(priced_by("return {{text = 'a', amount = '20.005'}}"), "a 20.01 | = 20.01 USD");
}

TEST_F(PricingTest, SaysWhatARuleDoesWrong) {
  const auto said = [&](const std::string& body) { return priced_by(body); };
  EXPECT_THAT(said("return {{text = 'a', amount = 0.5}}"),
              HasSubstr("line 1 that it returned: amount is the float 0.5"));
  EXPECT_THAT(said("return {{text = 'a', rate = '1', quantity = 1/3}}"),
              HasSubstr("quantity is the float 0.333"));
  EXPECT_THAT(said("return {{text = 'a', rate = 5, quantity = 1}}"), HasSubstr("write it as text"));
  EXPECT_THAT(said("return {{text = 'a', rate = '5'}}"), HasSubstr("a rate, but no quantity"));
  EXPECT_THAT(said("return {{text = 'a', rate = '5,00', quantity = 1}}"),
              HasSubstr("'5,00' is not a decimal number"));
  EXPECT_THAT(said("return {{text = 'a', rate = '5', quantity = 1, per = 0}}"),
              HasSubstr("units above zero"));
  EXPECT_THAT(said("return {{amount = 1}}"), HasSubstr("needs a text"));
  EXPECT_THAT(said("return {{text = 'a', amuont = 1}}"), HasSubstr("unknown field 'amuont'"));
  EXPECT_THAT(said("return {{text = 'a', amuont = 1}}"), HasSubstr("did you mean 'amount'?"));
  EXPECT_THAT(said("return {{text = 'a'}}"), HasSubstr("either an amount, or a rate"));
  EXPECT_THAT(said("return {{text = 'a', rate = '999999999999', quantity = '999999999999999999'}}"),
              HasSubstr("too large"));
  EXPECT_THAT(said("local l = {text = 'a', amount = '9000000000000000'}\nreturn {l, l}"),
              HasSubstr("more than Croft can count"));
  EXPECT_THAT(said("return 'free'"), HasSubstr("no list of lines"));
  EXPECT_THAT(said("return {'free'}"), HasSubstr("line 1 that it returned is no table"));
  EXPECT_THAT(said("return {lines = {}, notices = 'x'}"), HasSubstr("`notices` is no list"));
  EXPECT_THAT(said("local x = usage.nothing.more"), HasSubstr("rules/own.lua:2:"));
  EXPECT_THAT(said("while true do end"), HasSubstr("takes more than"));
  EXPECT_THAT(said("return os.time()"), HasSubstr("rules/own.lua:2:"));
  EXPECT_THAT(said("while true do end"), HasSubstr("pricing plan studio by rule rules/own.lua"));
}

TEST_F(PricingTest, ARuleSeesTheResourcesAndWhatTheyUse) {
  PricedResource api = instance("api", 1, 2);
  api.footprint.hosts = 3;
  EXPECT_EQ(
      priced_by(R"(local r = resources[1]
    return {{text = table.concat({r.ref, r.kind, r.name, r.provider, r.cpu_millis, r.memory_bytes,
                                  r.storage_bytes, r.hosts, r.usage.active_seconds,
                                  tostring(r.usage.egress_bytes), usage.active_seconds,
                                  period.months, period.hours, period.seconds, plan.name,
                                  plan.price.per}, ' '), amount = 0}})",
                {api}),
      "Instance/api Instance api local 250 134217728 2147483648 3 3600 nil 3600 1 730 2628000 "
      "studio month 0.00 | = 0.00 USD");
}

TEST_F(PricingTest, WhatARuleChangesIsGoneAtTheNextCall) {
  const std::string rule =
      "local seen = 0\nreturn {api = 1, price = function(plan, resources)\n"
      "seen = seen + 1 plan.price.amount = 'x' resources[1].name = 'y'\n"
      "return {{text = resources[1].ref .. seen, amount = 1}} end}";
  const PlanTerms terms = terms_of(std::string("{") + kNine + "}", rule);
  const PricedSet set = set_of({instance("api", 1)});
  EXPECT_EQ(told(pricer_.quote(terms, set)), told(pricer_.quote(terms, set)));
  EXPECT_EQ(priced(kNine, {}), "plan studio 9.00 | = 9.00 USD");
}

TEST_F(PricingTest, OneThousandPlansTakeTurns) {
  // More scripts than stay loaded.
  for (int i = 0; i < 1000; ++i) {
    const int n = i % 150;
    const PlanTerms terms = terms_of(std::string("{") + kNine + "}",
                                     fmt::format("return {{api = 1, price = function() return "
                                                 "{{{{text = 'n', amount = {}}}}} end}}",
                                                 n));
    EXPECT_EQ(pricer_.quote(terms, {}).value().total.minor, n);
  }
}

TEST_F(PricingTest, ChecksARuleBeforeItIsUsed) {
  const auto checked = [&](const std::string& rule) {
    const Result<void> good = pricer_.check(terms_of(std::string("{") + kNine + "}", rule));
    return good ? "good" : good.error().describe();
  };
  EXPECT_EQ(checked("return {api = 1, price = function() return {} end}"), "good");
  EXPECT_THAT(checked("return {price = function() return {} end}"), HasSubstr("says `api = nil`"));
  EXPECT_THAT(checked("return {api = 2, price = function() return {} end}"),
              HasSubstr("says `api = 2`; this Croft has version 1"));
  EXPECT_THAT(checked("return {api = 1}"), HasSubstr("no table with a function 'price'"));
  EXPECT_THAT(checked("return {api = 1, price = function() return x.y end}"),
              HasSubstr("rules/own.lua:1:"));
  for (const std::string& name : shipped_rules()) {
    const PlanTerms terms = terms_of(std::string("{") + kNine + R"(, "rules": ")" + name + "\"}");
    EXPECT_TRUE(pricer_.check(terms)) << name;
  }
}

}  // namespace

}  // namespace croft::plans
