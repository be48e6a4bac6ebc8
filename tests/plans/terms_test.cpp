#include <gmock/gmock.h>

#include "core/base/money.hpp"
#include "tests/plans/plans_support.hpp"

namespace croft::plans {

namespace {

using testing::HasSubstr;

constexpr const char* kMonthly =
    R"("price": {"amount": "9.00", "currency": "USD", "per": "month"})";
constexpr const char* kPerHour = R"("price": {"amount": "5.00", "currency": "USD", "per": "hour"})";
constexpr const char* kRates =
    R"(, "rates": [{"meter": "egress", "mode": "unit", "amount": "0.02"}])";

std::string rule_of(const std::string& spec) {
  const PlanTerms terms = terms_of("{" + spec + "}");
  return terms.rule ? terms.rule->name : "none";
}

TEST(TermsTest, ChoosesTheRuleThatFitsWhereNoneIsNamed) {
  EXPECT_EQ(rule_of(R"("quotas": {"sites": 1})"), "none");
  EXPECT_EQ(rule_of(kMonthly), "flat");
  EXPECT_EQ(rule_of(kPerHour), "hourly");
  EXPECT_EQ(rule_of(std::string(kMonthly) + kRates), "tiered");
  EXPECT_EQ(rule_of(std::string(kPerHour) + R"(, "rules": "flat")"), "flat");
}

TEST(TermsTest, ARuleThatIsNotThereIsAnError) {
  const auto refused = [](const std::string& rules) {
    const Value spec =
        parse_json(std::string("{") + kMonthly + R"(, "rules": ")" + rules + "\"}").value();
    const Result<PlanTerms> terms =
        make_terms("studio", std::make_shared<const Value>(spec), no_scripts);
    return terms ? "good" : terms.error().describe();
  };
  EXPECT_THAT(refused("hourlie"), HasSubstr("did you mean 'hourly'?"));
  EXPECT_THAT(refused("qqqqqqqq"), HasSubstr("flat, free-tier, hourly"));
  EXPECT_THAT(refused("rules/mine.lua"), HasSubstr("there is no file rules/mine.lua"));
}

TEST(TermsTest, ALuaMistakeNamesFileAndLine) {
  const Value spec = parse_json(std::string("{") + kMonthly + R"(, "rules": "a/b.lua"})").value();
  const Result<PlanTerms> terms =
      make_terms("studio", std::make_shared<const Value>(spec),
                 [](std::string_view) -> Result<std::string> { return "return {\n  api = = 1}"; });
  ASSERT_FALSE(terms);
  EXPECT_THAT(terms.error().describe(), HasSubstr("a/b.lua:2:"));
}

TEST(TermsTest, TheDigestCoversWhatMoneyDependsOnAndNothingElse) {
  const std::string spec = std::string("{") + kMonthly + "}";
  const std::string rule = "return {api = 1, price = function() return {} end}";
  EXPECT_EQ(terms_of(spec).digest, terms_of(spec).digest);
  EXPECT_EQ(terms_of(spec).digest,
            terms_of(std::string("{") + kMonthly + R"(, "allowedProviders": ["local"]})").digest);
  EXPECT_NE(terms_of(spec).digest, terms_of(std::string("{") + kMonthly + kRates + "}").digest);
  EXPECT_NE(terms_of(spec, rule).digest, terms_of(spec, rule + " ").digest);
}

TEST(ChargeTest, IsExactWhereFloatsAreNot) {
  const auto charged = [](const char* rate, const char* quantity, std::int64_t per = 1) {
    const Result<Money> money = charge(rate, quantity, per, "USD");
    return money ? format_amount(*money) : money.error().message();
  };
  EXPECT_EQ(charged("0.15", "5368709120", 1 << 30), "0.75");
  EXPECT_EQ(charged("0.1", "3"), "0.30");
  EXPECT_EQ(charged("1.005", "1"), "1.01");
  EXPECT_EQ(charged("-1.005", "1"), "-1.01");
  EXPECT_EQ(charged("0.000000000000000001", "1000000000000000"), "0.00");
  EXPECT_EQ(charged("0.000000000000000001", "5000000000000000"), "0.01");
  EXPECT_EQ(charged("999999999999999999", "0.01"), "9999999999999999.99");
  EXPECT_THAT(charged("999999999999999999", "999999999999999999"), HasSubstr("too large"));
  for (const char* wrong : {"", "-", ".5", "5.", "1e3", "0x10", " 1", "1 ", "1.2.3", "١", "--1"})
    EXPECT_THAT(charged(wrong, "1"), HasSubstr("is not a decimal number")) << wrong;
  EXPECT_THAT(charged("1234567890123456789", "1"), HasSubstr("more than 18 digits"));
  EXPECT_THAT(charged("1", "1", 0), HasSubstr("above zero"));
  EXPECT_EQ(format_money(charge("100.4", "1", 1, "JPY").value()), "100 JPY");
  EXPECT_EQ(format_money(charge("0.0005", "1", 1, "KWD").value()), "0.001 KWD");
}

}  // namespace

}  // namespace croft::plans
