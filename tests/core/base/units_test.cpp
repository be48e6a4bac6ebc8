#include "core/base/units.hpp"

#include <gtest/gtest.h>

#include "core/base/hidden.hpp"
#include "core/base/money.hpp"
#include "core/base/secret.hpp"

namespace croft {
namespace {

TEST(UnitsTest, DurationsSurviveARoundTrip) {
  for (const char* text : {"250ms", "90s", "15m", "1h30m", "7d", "1d1ms"}) {
    const auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parse_duration(format_duration(*parsed)), *parsed) << text;
  }
}

TEST(UnitsTest, WrongDurationsAreRefused) {
  for (const char* text : {"", "15", "m", "1.5h", "-3s", "15 m", "99999999999999999d"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(UnitsTest, SizesKnowBinaryAndDecimalUnits) {
  EXPECT_EQ(parse_bytes("256MiB")->count, 268'435'456);
  EXPECT_EQ(parse_bytes("10GB")->count, 10'000'000'000);
  EXPECT_EQ(parse_bytes("12")->count, 12);
  EXPECT_EQ(format_bytes(Bytes{268'435'456}), "256MiB");
  EXPECT_FALSE(parse_bytes("9999999999TiB"));
  EXPECT_FALSE(parse_bytes("1Mi"));
}

TEST(UnitsTest, CpuIsExactInThousandths) {
  EXPECT_EQ(parse_cpu("250m")->millis, 250);
  EXPECT_EQ(parse_cpu("0.25")->millis, 250);
  EXPECT_EQ(parse_cpu("2")->millis, 2000);
  EXPECT_FALSE(parse_cpu("0.0001"));
  EXPECT_FALSE(parse_cpu(".5"));
}

TEST(UnitsTest, TimesAreRfc3339InUtc) {
  const Timestamp time(Duration(1'795'228'410'120));
  EXPECT_EQ(parse_time(format_time(time)), time);
  EXPECT_EQ(format_time(Timestamp(Duration(0))), "1970-01-01T00:00:00.000Z");
  EXPECT_FALSE(parse_time("2026-11-21 02:33:30"));
}

TEST(MoneyTest, MoreDigitsThanTheCurrencyHasAreRefused) {
  EXPECT_EQ(parse_money("20.00", "USD")->minor, 2000);
  EXPECT_EQ(parse_money("20", "JPY")->minor, 20);
  EXPECT_EQ(format_money(Money{-5, "USD"}), "-0.05 USD");
  EXPECT_FALSE(parse_money("20.001", "USD"));
  EXPECT_FALSE(parse_money("1.0", "JPY"));
  EXPECT_FALSE(parse_money("20", "XXX"));
  EXPECT_FALSE(parse_money("1e3", "USD"));
}

TEST(SecretTest, RememberedSecretsAreHiddenEverywhere) {
  remember_secret(Secret<std::string>("hunter22"));
  remember_secret(Secret<std::string>("hunter22-and-more"));
  EXPECT_EQ(redact("a hunter22-and-more b hunter22 c"), "a [redacted] b [redacted] c");
}

TEST(SecretTest, WhatIsRememberedForATimeIsForgottenAfterIt) {
  const Secret<std::string> token("token-of-an-hour");
  {
    const RememberedSecret first(token);
    {
      const RememberedSecret second(token);
      EXPECT_EQ(redact("a token-of-an-hour"), "a [redacted]");
    }
    EXPECT_EQ(redact("a token-of-an-hour"), "a [redacted]") << "the other one holds it still";
  }
  EXPECT_EQ(redact("a token-of-an-hour"), "a token-of-an-hour");
  const RememberedSecret tiny(Secret<std::string>("abc"));
  EXPECT_EQ(redact("abc"), "abc") << "too short to be hidden";
}

TEST(HiddenTextsTest, AreCutOutLongestFirst) {
  HiddenTexts hidden;
  for (const char* text : {"abc", "hunter2", "hunter2-and-more", "hunter2"})
    hidden.add(Secret<std::string>(text));
  HiddenTexts all;
  all.add(hidden);
  EXPECT_EQ(all.cut("abc hunter2-and-more, hunter2"), "abc [redacted], [redacted]");
  EXPECT_EQ(redact("hunter2"), "hunter2") << "only who hid it hides it";
}

TEST(HiddenTextsTest, TextsOfAValueAreRunThroughAndKeysAreNot) {
  const Value line = Value::map(
      {{"user", "user"}, {"list", Value(Value::List{Value("user"), Value(7)})}, {"n", Value(1)}});
  EXPECT_EQ(
      to_json(with_texts(line, [](std::string_view text) { return std::string(text) + "!"; })),
      R"({"list":["user!",7],"n":1,"user":"user!"})");
}

}  // namespace
}  // namespace croft
