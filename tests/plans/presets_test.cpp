// The plans in examples/plans: each allows and costs what its line in the README says.

#include <gmock/gmock.h>

#include "core/git/tree.hpp"
#include "core/manifest/load.hpp"
#include "plans/admission/quotas.hpp"
#include "tests/plans/plans_support.hpp"

namespace croft::plans {

namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class PresetsTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto tree = open_working_tree(CROFT_PLANS).value();
    manifest::DocumentCache cache;
    const auto set = manifest::load(
        *tree, {.source = "platform", .scope = manifest::SourceScope::Platform}, cache);
    ASSERT_TRUE(set && set->is_usable()) << manifest::render(set->diagnostics);
    for (const Resource& resource : set->resources) {
      Result<PlanTerms> terms = make_terms(resource.ref.name, resource.spec, no_scripts);
      ASSERT_TRUE(terms) << terms.error().describe();
      ASSERT_TRUE(pricer_.check(*terms)) << resource.ref.name;
      plans_.emplace(resource.ref.name, std::move(*terms));
    }
  }

  std::string refused(const std::string& plan, const std::vector<Footprint>& after) {
    std::string text;
    for (const Problem& refusal : check_quotas(plans_.at(plan), {}, after, {}).refusals)
      text += refusal.message + "\n";
    return text;
  }
  static std::vector<Footprint> apps(std::initializer_list<int> per_provider) {
    std::vector<Footprint> set;
    int provider = 0;
    for (const int count : per_provider) {
      ++provider;
      for (int i = 0; i < count; ++i) {
        set.push_back(instance(std::to_string(provider) + "-" + std::to_string(i), 1).footprint);
        set.back().provider = "p" + std::to_string(provider);
        set.back().storage_bytes = 0;
      }
    }
    return set;
  }
  static Footprint site(std::int64_t bytes, std::int64_t largest) {
    return {.ref = {"alice", Kind::Site, "s"}, .storage_bytes = bytes, .largest_file = largest};
  }
  std::string price(const std::string& plan, const std::vector<PricedResource>& resources,
                    Period period = {}) {
    const Result<Quote> quote = pricer_.quote(plans_.at(plan), set_of(resources), period);
    return quote ? format_money(quote->total) : quote.error().describe();
  }

  Pricer pricer_ = Pricer::make().value();
  std::map<std::string, PlanTerms> plans_;
};

TEST_F(PresetsTest, PicoPlusIsTwentyDollarsAYearForTenGigabytes) {
  EXPECT_EQ(price("pico-plus", {instance("a", 730)}, {.months = 12}), "20.00 USD");
  EXPECT_EQ(refused("pico-plus", {site(10'000'000'000, 100'000'000)}), "");
  EXPECT_THAT(refused("pico-plus", {site(10'000'000'001, 1)}), HasSubstr("of storage"));
  EXPECT_THAT(refused("pico-plus", {site(200'000'000, 100'000'001)}), HasSubstr("100MB a file"));
}

TEST_F(PresetsTest, TiersDifferInProvidersAndAppsAtOnce) {
  EXPECT_EQ(price("free", {instance("a", 730)}), "0.00 USD");
  EXPECT_EQ(refused("free", apps({5})), "");
  EXPECT_THAT(refused("free", apps({6})), HasSubstr("5 instances at a time"));
  EXPECT_THAT(refused("free", apps({1, 1})), HasSubstr("1 providers"));
  EXPECT_EQ(price("team", {instance("a", 730)}), "29.00 USD");
  EXPECT_EQ(refused("team", apps({15, 15, 15})), "");
  EXPECT_THAT(refused("team", apps({16})), HasSubstr("15 instances at a time on one provider"));
  EXPECT_THAT(refused("team", apps({1, 1, 1, 1})), HasSubstr("3 providers"));
  EXPECT_EQ(refused("enterprise", apps({100, 100, 100, 100, 100})), "");
  EXPECT_THAT(refused("enterprise", apps({101})), HasSubstr("100 instances at a time"));
  EXPECT_THAT(refused("enterprise", apps({1, 1, 1, 1, 1, 1})), HasSubstr("5 providers"));
}

TEST_F(PresetsTest, HourlyCostsFiveDollarsAnHourAndStopsAfterFour) {
  EXPECT_EQ(price("hourly", {instance("a", 3), instance("b", 1)}), "20.00 USD");
  EXPECT_EQ(plans_.at("hourly").spec->integer_or("governors.maxRuntime", 0), 4 * 3'600'000);
}

TEST_F(PresetsTest, TheFreeDatabaseTierHoldsOneHundredMegabytes) {
  EXPECT_EQ(price("database-free", {}), "0.00 USD");
  EXPECT_EQ(plans_.at("database-free").spec->integer_or("quotas.databases", 0), 1);
  EXPECT_EQ(refused("database-free", {site(100'000'000, 1)}), "");
  EXPECT_THAT(refused("database-free", {site(100'000'001, 1)}), HasSubstr("100MB of storage"));
}

}  // namespace

}  // namespace croft::plans
