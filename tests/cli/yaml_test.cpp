#include "cli/output/yaml.hpp"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

namespace croft::cli {
namespace {

TEST(YamlTest, WritesWhatPeopleWouldWrite) {
  const Value value =
      Value::map({{"command", Value(Value::List{"python3", "app.py"})},
                  {"env", Value::map({{"GREETING", "hello"}})},
                  {"volumes", Value(Value::List{Value::map({{"name", "data"}, {"size", "1GiB"}})})},
                  {"empty", Value::map()},
                  {"none", Value()},
                  {"count", 3},
                  {"on", true}});
  EXPECT_EQ(to_yaml(value),
            "command:\n"
            "  - python3\n"
            "  - app.py\n"
            "count: 3\n"
            "empty: {}\n"
            "env:\n"
            "  GREETING: hello\n"
            "none: null\n"
            "\"on\": true\n"
            "volumes:\n"
            "  - name: data\n"
            "    size: 1GiB\n");
}

TEST(YamlTest, KeepsTextsThatYamlWouldReadAsSomethingElse) {
  for (const std::string text :
       {"no",      "012",       "1e3",   "null", "~",    "",           " a",     "a: b",   "a #b",
        "- a",     "*a",        "&a",    "!a",   "{a",   "[a",         "a\nb\n", "a\nb",   "\n",
        " a\nb\n", "tab\there", "\"q\"", "it's", "grün", "2026-11-21", "0x1f",   "=",      "<<",
        "@x",      "`x`",       "%x",    "|",    ">",    "a:",         "?",      "key: |", "250m",
        "0b1",     "1_000",     "12:30", "5e",   "0x",   "1GiB",       "30d"}) {
    const std::string yaml = to_yaml(Value::map({{"key", text}}));
    EXPECT_EQ(YAML::Load(yaml)["key"].Scalar(), text) << yaml;
    EXPECT_EQ(YAML::Load(to_yaml(Value(Value::List{text})))[0].Scalar(), text) << yaml;
  }
}

TEST(YamlTest, WritesListsInLists) {
  const Value value = Value(Value::List{Value(Value::List{1, 2}), Value::list(), Value::map()});
  const YAML::Node read = YAML::Load(to_yaml(value));
  ASSERT_EQ(read.size(), 3U) << to_yaml(value);
  EXPECT_EQ(read[0][1].as<int>(), 2);
  EXPECT_TRUE(read[1].IsSequence());
  EXPECT_TRUE(read[2].IsMap());
}

}  // namespace
}  // namespace croft::cli
