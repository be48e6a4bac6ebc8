#include "core/resource/field.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "core/base/units.hpp"
#include "core/resource/kinds.hpp"

namespace croft {
namespace {

TEST(FieldTest, PathsReachThroughListsAndMaps) {
  const Field& spec = spec_of(Kind::Instance);
  EXPECT_EQ(spec.at_path("resources.memory")->type, FieldType::Bytes);
  EXPECT_EQ(spec.at_path("volumes[0].size")->type, FieldType::Bytes);
  EXPECT_EQ(spec.at_path("volumes.size")->type, FieldType::Bytes);
  EXPECT_EQ(spec.at_path("env.ANYTHING")->type, FieldType::Text);
  EXPECT_EQ(spec.at_path("")->type, FieldType::Object);
  for (const char* path : {"nothing", "resources.memory.more", "http[0]", "volumes[0", "env.A.B"})
    EXPECT_EQ(spec.at_path(path), nullptr) << path;
}

TEST(FieldTest, DefaultsOfObjectsHoldThoseOfTheirFields) {
  const auto value = default_of(*spec_of(Kind::Instance).find("resources"));
  ASSERT_TRUE(value);
  EXPECT_EQ(to_json(*value), R"({"cpu":250,"memory":134217728,"pids":128})");
  EXPECT_FALSE(default_of(*spec_of(Kind::Instance).find("health")));
}

TEST(FieldTest, ValuesPrintAsPeopleWriteThem) {
  const Field& spec = spec_of(Kind::Instance);
  const auto print = [&](const char* path, const Value& value, bool quoted) {
    return print_value(*spec.at_path(path), value, quoted);
  };
  EXPECT_EQ(print("resources.memory", 134217728, true), "128MiB");
  EXPECT_EQ(print("resources.cpu", 250, true), "250m");
  EXPECT_EQ(print("grace", 90000, true), "1m30s");
  EXPECT_EQ(print("env.GREETING", "hello", true), "\"hello\"");
  EXPECT_EQ(print("env.GREETING", "hello", false), "hello");
  EXPECT_EQ(print("env.TOKEN", Value::map({{"secret", "api-token"}}), true), "{secret: api-token}");
  EXPECT_EQ(print("command", Value(Value::List{"python3", "worker.py"}), false),
            "python3 worker.py");
  EXPECT_EQ(print("command", Value(Value::List{"python3", "worker.py"}), true),
            "[\"python3\", \"worker.py\"]");
  EXPECT_EQ(print("health", Value::map({{"http", "/x"}, {"interval", 5000}}), false),
            "{http: /x, interval: 5s}");
  EXPECT_EQ(
      print("volumes", Value(Value::List{Value::map({{"name", "d"}, {"size", 1 << 20}})}), false),
      "[{name: d, size: 1MiB}]");
  EXPECT_EQ(print("resources.memory", "odd", true), "\"odd\"")
      << "what was observed may have another shape";
  EXPECT_EQ(print("http", Value(), true), "null");
}

// Every default and example in a description must be what the description itself allows.
void expect_sound(const Field& field, const std::string& path) {
  if (field.fallback && field.fallback->is_integer()) {
    EXPECT_GE(field.fallback->as_integer(), field.minimum.value_or(0)) << path;
    EXPECT_LE(field.fallback->as_integer(), field.maximum.value_or(field.fallback->as_integer()))
        << path;
  }
  if (field.fallback && field.check != nullptr) {
    EXPECT_FALSE(field.check(*field.fallback)) << path;
  }
  if (field.fallback && !field.choices.empty()) {
    EXPECT_NE(std::ranges::find(field.choices, field.fallback->as_text()), field.choices.end())
        << path;
  }
  EXPECT_FALSE(field.required && field.fallback) << path;
  EXPECT_EQ(field.element != nullptr, field.type == FieldType::List || field.type == FieldType::Map)
      << path;
  for (const Field& inner : field.fields) {
    EXPECT_FALSE(inner.help.empty()) << path << "." << inner.name << " is not explained";
    expect_sound(inner, path + "." + inner.name);
  }
  if (field.element != nullptr) expect_sound(*field.element, path + "[]");
}

TEST(KindsTest, DescriptionsAreSound) {
  for (const Kind kind : known_kinds()) {
    expect_sound(spec_of(kind), std::string(to_string(kind)));
    EXPECT_FALSE(help_of(kind).empty());
    EXPECT_EQ(kind_from(to_string(kind)), kind);
  }
  expect_sound(metadata_of_resources(), "metadata");
}

TEST(KindsTest, TenantKindsShareTheirCommonFields) {
  for (const Kind kind : all_kinds()) {
    for (const char* name : {"dependsOn", "deletion", "rollback"}) {
      EXPECT_EQ(spec_of(kind).find(name) != nullptr, scope_of(kind) == KindScope::Tenant)
          << to_string(kind) << "." << name;
    }
  }
}

TEST(KindsTest, PlannedKindsAreNoKindsYet) {
  EXPECT_TRUE(is_planned_kind("Database"));
  EXPECT_FALSE(kind_from("Database"));
  EXPECT_FALSE(is_planned_kind("Site"));
  EXPECT_FALSE(kind_from("site"));
}

}  // namespace
}  // namespace croft
