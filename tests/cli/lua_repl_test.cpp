#include <gmock/gmock.h>

#include "cli/lua/repl.hpp"

namespace croft::cli {
namespace {

using testing::HasSubstr;

TEST(ReplTest, AnswersExpressionsAndKeepsStatements) {
  Repl repl = Repl::make("").value();
  EXPECT_EQ(repl.take("1 + 2"), "3");
  EXPECT_EQ(repl.take("1, 'a', {x = 1}"), "1\t\"a\"\t{\"x\":1}");
  EXPECT_EQ(repl.take("local total = 0"), "");
  EXPECT_EQ(repl.take("for _, r in ipairs(resources) do total = total + r.hosts end"), "");
  EXPECT_EQ(repl.take("total"), "1");
  EXPECT_EQ(repl.take("total = total + 1"), "");
  EXPECT_EQ(repl.take("total"), "2");
  EXPECT_EQ(repl.take("  "), "");
  EXPECT_EQ(repl.take("pricing.unit('storage')"), "\"GiB-month\"\t1073741824");
  EXPECT_EQ(repl.take("plan.price.amount, usage.active_seconds, period.hours"),
            "\"9.00\"\t2628000\t730");
  EXPECT_FALSE(repl.has_failed());
}

TEST(ReplTest, WhatGoesOnIsReadToItsEnd) {
  Repl repl = Repl::make("").value();
  EXPECT_EQ(repl.take("function twice(x)"), "");
  EXPECT_TRUE(repl.wants_more());
  EXPECT_EQ(repl.take("  return 2 * x"), "");
  EXPECT_EQ(repl.take("end"), "");
  EXPECT_FALSE(repl.wants_more());
  EXPECT_EQ(repl.take("twice(21)"), "42");
}

TEST(ReplTest, AFailedLineLeavesNothing) {
  Repl repl = Repl::make("").value();
  EXPECT_THAT(repl.take("local x = nothing.more"), HasSubstr("attempt to index global 'nothing'"));
  EXPECT_EQ(repl.take("x"), "") << "nil";
  EXPECT_THAT(repl.take("1 +* 2"), HasSubstr("unexpected symbol"));
  EXPECT_THAT(repl.take("while true do end"), HasSubstr("takes more than"));
  EXPECT_THAT(repl.take("os.exit()"), HasSubstr("attempt to index global 'os'"));
  EXPECT_EQ(repl.take("40 + 2"), "42");
  EXPECT_TRUE(repl.has_failed());
}

TEST(ReplTest, HasARuleAtHand) {
  Repl repl = Repl::make(
                  "return {api = 1, price = function(plan, resources)\n"
                  "  return {{text = plan.name, amount = #resources}} end}")
                  .value();
  EXPECT_EQ(repl.take("rule.api"), "1");
  EXPECT_EQ(repl.take("rule.price(plan, resources, usage, period)[1].amount"), "2");
  EXPECT_FALSE(Repl::make("return {"));
}

}  // namespace
}  // namespace croft::cli
