#include "core/base/value.hpp"

#include <gtest/gtest.h>

#include "core/base/json.hpp"

namespace croft {
namespace {

TEST(ValueTest, EqualDocumentsHaveEqualJson) {
  Value a = Value::map({{"b", 1}, {"a", "x"}});
  Value b = Value::map({{"a", "x"}, {"b", 1}});
  EXPECT_EQ(a, b);
  EXPECT_EQ(to_json(a), R"({"a":"x","b":1})");
}

TEST(ValueTest, PathsReachIntoListsAndMaps) {
  const auto value = parse_json(R"({"http":{"hosts":["a","b"]}})");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->text_or("http.hosts[1]", ""), "b");
  EXPECT_EQ(value->at_path("http.hosts[2]"), nullptr);
  EXPECT_EQ(value->at_path("http.nothing.more"), nullptr);
}

TEST(ValueTest, JsonSurvivesARoundTrip) {
  const std::string text = R"({"a":[1,-2,true,false,null,"\u0001\"\\\n"],"b":{}})";
  EXPECT_EQ(to_json(*parse_json(text)), text);
}

// The last bit, too: digests are made over the text.
TEST(ValueTest, NumbersSurviveARoundTrip) {
  for (const double number :
       {0.1, 1.7976931348623157e-08, 0.30000000000000004, 2.2250738585072014e-308, 5e-324,
        1.7976931348623157e308, -1.0 / 3, 18446744073709551616.0}) {
    const Value read = parse_json(to_json(Value(number))).value();
    EXPECT_EQ(read, Value(number)) << to_json(Value(number));
    EXPECT_EQ(to_json(read), to_json(Value(number)));
  }
  EXPECT_EQ(parse_json("1e-400"), Value(0.0));
  EXPECT_EQ(parse_json("[9223372036854775807,9223372036854775808]"),
            Value(Value::List{INT64_MAX, 9223372036854775808.0}));
  EXPECT_EQ(parse_json_digits("[9223372036854775807,-123456789012345678901234567890,1e3]"),
            Value(Value::List{INT64_MAX, "-123456789012345678901234567890", 1000.0}));
}

TEST(ValueTest, TheLastOfEqualKeysWins) {
  EXPECT_EQ(to_json(*parse_json(R"({"b":1,"a":2,"b":{"c":[],"c":3}})")), R"({"a":2,"b":{"c":3}})");
}

TEST(ValueTest, BadJsonIsRefused) {
  for (const std::string& text : {std::string("{"), std::string("[1,]"), std::string("{} x"),
                                  std::string(""), std::string(100, '['), std::string("1e400"),
                                  std::string("-0.1e400"), std::string("[1e99999999999]")}) {
    EXPECT_FALSE(parse_json(text)) << text;
  }
}

}  // namespace
}  // namespace croft
