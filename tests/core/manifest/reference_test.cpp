#include "core/manifest/reference.hpp"

#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/manifest/schema.hpp"
#include "core/resource/field.hpp"
#include "core/resource/kinds.hpp"

namespace croft::manifest {
namespace {

using testing::HasSubstr;

TEST(ReferenceTest, TheReferenceInDocsIsCurrent) {
  const std::filesystem::path file = std::filesystem::path(CROFT_SOURCE_DIR) / "docs/reference.md";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(file.parent_path());
    ASSERT_TRUE(write_file_atomic(file, reference_markdown(), 0644));
  }
  const auto text = read_file(file, 1 << 20);
  ASSERT_TRUE(text) << text.error().describe();
  EXPECT_EQ(*text, reference_markdown()) << "run manifest_tests with UPDATE_GOLDEN=1";
}

TEST(ReferenceTest, ExplainsAFieldWithItsFields) {
  const auto text = explain("Instance.spec.health");
  ASSERT_TRUE(text);
  EXPECT_THAT(*text,
              HasSubstr("Instance.spec.health: fields\n\nHow Croft knows that the app is well."));
  EXPECT_THAT(*text, HasSubstr("\n  interval     duration, default 10s, 1s to 1h\n"));
  EXPECT_EQ(
      *explain("Instance.health.interval"),
      "Instance.health.interval: duration, default 10s, 1s to 1h\n\nTime between two checks.\n");
  EXPECT_THAT(*explain("Instance.spec.volumes.size"), HasSubstr("size, default 1GiB"));
  EXPECT_THAT(*explain("Site"), HasSubstr("A static web site"));
  EXPECT_THAT(*explain("Site.metadata.name"), HasSubstr("text, required"));
  EXPECT_THAT(*explain("Instance.template"),
              HasSubstr("It comes with templates, in a later version of Croft."));
}

TEST(ReferenceTest, WhatDoesNotExistIsSuggested) {
  EXPECT_EQ(explain("Instnace").error().hint(), "did you mean 'Instance'?");
  EXPECT_EQ(explain("Instance.spec.helth").error().hint(), "did you mean 'health'?");
  EXPECT_EQ(explain("Instance.spec.health.htp").error().hint(), "did you mean 'http'?");
  EXPECT_EQ(explain("Instance.spec.grace.x").error().hint(), "it has no fields");
  EXPECT_THAT(explain("").error().hint(), HasSubstr("there is Tenant, Plan"));
}

TEST(SchemaTest, KnowsEveryFieldAndNoneOfLaterVersions) {
  const Value schema = schema_of(Kind::Instance);
  EXPECT_EQ(schema.text_or("properties.kind.const", ""), "Instance");
  EXPECT_EQ(schema.at_path("properties.spec.properties.template"), nullptr);
  EXPECT_EQ(schema_of(Kind::Site).text_or("properties.spec.required[0]", ""), "files");
  EXPECT_EQ(schema.integer_or("properties.spec.properties.http.properties.port.maximum", 0), 65535);
  EXPECT_EQ(schema.text_or("properties.spec.properties.grace.default", ""), "10s");
  EXPECT_FALSE(schema.boolean_or("properties.spec.additionalProperties", true));
  for (const Field& field : spec_of(Kind::Instance).fields) {
    EXPECT_EQ(
        schema.find("properties")->find("spec")->find("properties")->find(field.name) != nullptr,
        field.arrives_with.empty())
        << field.name;
  }
}

TEST(SchemaTest, TheSchemaOfAllTellsKindsApart) {
  const Value schema = schema_of_all();
  EXPECT_EQ(schema.find("allOf")->size(), all_kinds().size());
  for (const Kind kind : all_kinds())
    EXPECT_NE(schema.find("$defs")->find(to_string(kind)), nullptr);
  EXPECT_TRUE(parse_json(to_pretty_json(schema)));
}

}  // namespace
}  // namespace croft::manifest
