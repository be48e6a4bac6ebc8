#include "plans/pricing/delta.hpp"

#include <gmock/gmock.h>
#include <rapidcheck.h>

#include "tests/plans/plans_support.hpp"

namespace croft::plans {

namespace {

const char* const kIncluded =
    R"({"price": {"amount": "9.00", "currency": "USD", "per": "month"},
        "includes": {"activeHours": 100},
        "rates": [{"meter": "activeHours", "mode": "unit", "amount": "0.10"}]})";

ResourceChange created(const PricedResource& after) { return {std::nullopt, after}; }
ResourceChange destroyed(const PricedResource& before) { return {before, std::nullopt}; }
ResourceChange kept(const PricedResource& both) { return {both, both}; }

class DeltaTest : public testing::Test {
 protected:
  SetPrice priced(const std::vector<ResourceChange>& changes, const char* plan = kIncluded) {
    Result<SetPrice> price = price_changes(pricer_, terms_of(plan), changes);
    EXPECT_TRUE(price) << price.error().describe();
    return *price;
  }
  Pricer pricer_ = Pricer::make().value();
};

TEST_F(DeltaTest, WhatIsPastTheAllowanceCosts) {
  const SetPrice price = priced({kept(instance("api", 100)), created(instance("job", 50))});
  EXPECT_EQ(price.before.total.minor, 900);
  EXPECT_EQ(price.after.total.minor, 1400);
  EXPECT_EQ(price.changes[0].delta.minor, 0);
  EXPECT_EQ(price.changes[1].delta.minor, 500);
  EXPECT_EQ(price.changes[1].before.minor, 0);
  EXPECT_EQ(price.shared.minor, 0);
}

TEST_F(DeltaTest, WhatSharedAllowancesAbsorbIsALineOfItsOwn) {
  // Either alone would be within the allowance; together they are 20 h past it.
  const SetPrice price = priced({created(instance("a", 60)), created(instance("b", 60))});
  EXPECT_EQ(price.delta.minor, 200);
  EXPECT_EQ(price.changes[0].delta.minor, 200);
  EXPECT_EQ(price.changes[1].delta.minor, 200);
  EXPECT_EQ(price.shared.minor, -200);
}

TEST_F(DeltaTest, WhatGoesGivesItsMoneyBack) {
  const SetPrice price = priced({kept(instance("api", 100)), destroyed(instance("job", 50))});
  EXPECT_EQ(price.delta.minor, -500);
  EXPECT_EQ(price.changes[1].delta.minor, -500);
  EXPECT_EQ(price.changes[1].before.minor, 500);
  EXPECT_EQ(price.changes[1].after.minor, 0);
}

TEST_F(DeltaTest, AChangeHasABeforeAndAnAfter) {
  const SetPrice price =
      priced({kept(instance("api", 100)), {instance("job", 50), instance("job", 80)}});
  EXPECT_EQ(price.changes[1].before.minor, 500);
  EXPECT_EQ(price.changes[1].after.minor, 800);
  EXPECT_EQ(price.changes[1].delta.minor, 300);
}

TEST_F(DeltaTest, DeltasAndTheSharedLineAddUpToTheWhole) {
  const char* const plans[] = {kIncluded,
                               R"({"price": {"amount": "5.00", "currency": "USD", "per": "hour"}})",
                               R"({"price": {"amount": "1.00", "currency": "USD", "per": "month"},
          "rates": [{"meter": "activeHours", "mode": "volume",
                     "tiers": [{"upTo": 50, "amount": "0.333"}, {"amount": "0.1"}]},
                    {"meter": "storage", "mode": "package", "size": 3, "amount": "0.77"}]})"};
  for (const char* plan : plans) {
    EXPECT_TRUE(rc::check("deltas add up", [&] {
      const auto count = *rc::gen::inRange(0, 8);
      std::vector<ResourceChange> changes;
      for (int i = 0; i < count; ++i) {
        const auto some = [&]() -> std::optional<PricedResource> {
          if (*rc::gen::inRange(0, 3) == 0) return std::nullopt;
          return instance("r" + std::to_string(i), *rc::gen::inRange(0, 731),
                          *rc::gen::inRange(0, 9));
        };
        const std::optional<PricedResource> before = some();
        changes.push_back({before, *rc::gen::inRange(0, 2) == 0 ? before : some()});
      }
      const SetPrice price = price_changes(pricer_, terms_of(plan), changes).value();
      std::int64_t sum = price.shared.minor;
      for (const ChangePrice& change : price.changes) {
        sum += change.delta.minor;
        RC_ASSERT(change.after.minor - change.before.minor == change.delta.minor);
      }
      RC_ASSERT(sum == price.delta.minor);
      RC_ASSERT(price.after.total.minor - price.before.total.minor == price.delta.minor);
    }));
  }
}

TEST_F(DeltaTest, TheSameInputGivesTheSameBytes) {
  const std::vector<ResourceChange> changes{created(instance("a", 60)), kept(instance("b", 90))};
  const SetPrice once = priced(changes);
  Pricer other = Pricer::make().value();
  for (int i = 0; i < 50; ++i) {
    const SetPrice again = price_changes(other, terms_of(kIncluded), changes).value();
    EXPECT_EQ(again.after, once.after);
    EXPECT_EQ(again.changes, once.changes);
  }
}

}  // namespace

}  // namespace croft::plans
