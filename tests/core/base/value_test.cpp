#include "core/base/value.hpp"

#include <gtest/gtest.h>

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

TEST(ValueTest, BadJsonIsRefused) {
  for (const std::string& text : {std::string("{"), std::string("[1,]"), std::string("{} x"),
                                  std::string(""), std::string(100, '[')}) {
    EXPECT_FALSE(parse_json(text)) << text;
  }
}

}  // namespace
}  // namespace croft
