#include "core/manifest/compose/merge.hpp"

#include <array>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "tests/core/manifest/compose/composing.hpp"

namespace croft::manifest::compose {
namespace {

Item text(std::string value) { return Item::scalar(std::move(value), {}); }

// A service of a few keys, so that two of them often say something of the same.
Item some_service() {
  Item made = Item::map({});
  constexpr std::array<const char*, 3> kNames{"A", "B", "C"};
  if (*rc::gen::arbitrary<bool>()) {
    Item environment = Item::map({});
    for (const char* name : kNames) {
      if (*rc::gen::arbitrary<bool>())
        environment.set(name, {}, text(std::to_string(*rc::gen::inRange(0, 3))));
    }
    made.set("environment", {}, std::move(environment));
  }
  for (const char* key : {"cap_add", "ports"}) {
    if (*rc::gen::arbitrary<bool>()) continue;
    Item list = Item::list({});
    for (const char* name : kNames) {
      if (*rc::gen::arbitrary<bool>()) list.items.push_back(text(name));
    }
    made.set(key, {}, std::move(list));
  }
  if (*rc::gen::arbitrary<bool>())
    made.set("image", {}, text(std::to_string(*rc::gen::inRange(0, 3))));
  if (*rc::gen::arbitrary<bool>()) {
    Item command = Item::list({});
    command.items.push_back(text(std::to_string(*rc::gen::inRange(0, 3))));
    made.set("command", {}, std::move(command));
  }
  return made;
}

TEST(ComposeMergeTest, AServiceOverItselfIsItself) {
  EXPECT_TRUE(rc::check("idempotent", [] {
    const Item one = some_service();
    RC_ASSERT(is_same(merge_services(one, one), one));
    RC_ASSERT(is_same(merge_services(one, Item::map({})), one));
    RC_ASSERT(is_same(merge_services(Item::map({}), one), one));
  }));
}

TEST(ComposeMergeTest, ItDoesNotMatterWhichOfThreeAreLaidOverEachOtherFirst) {
  EXPECT_TRUE(rc::check("associative", [] {
    const Item a = some_service();
    const Item b = some_service();
    const Item c = some_service();
    RC_ASSERT(
        is_same(merge_services(merge_services(a, b), c), merge_services(a, merge_services(b, c))));
  }));
}

TEST(ComposeMergeTest, MountsAreMergedByTarget) {
  const auto set = load_stack(
      {{"compose.yaml",
        "services: {web: {image: a, volumes: ['a:/x', 'b:/y']}}\nvolumes: {a: , b: , c: }\n"},
       {"over.yaml", "services: {web: {volumes: ['c:/x:ro', '/z']}}\n"}},
      "  overrides: [over.yaml]\n");
  EXPECT_EQ(
      to_json(*spec_of_part(set, "Service/shop.web").find("mounts")),
      R"([{"copy":true,"path":"/x","readOnly":true,"volume":"c"},)"
      R"({"copy":true,"path":"/y","readOnly":false,"volume":"b"},{"copy":true,"path":"/z","readOnly":false}])");
}

TEST(ComposeMergeTest, NamesOfServicesDoNotSayHowTheyAreMerged) {
  for (const std::string name : {"test", "command", "entrypoint", "logging"}) {
    const auto set = load_stack(
        {{"compose.yaml", "services: {" + name + ": {image: a, command: [one], environment: " +
                              "{A: 1, entrypoint: x}}}\n"},
         {"over.yaml", "services: {" + name + ": {command: [two], environment: {B: 2}}}\n"}},
        "  overrides: [over.yaml]\n");
    const Value spec = spec_of_part(set, "Service/shop." + name);
    ASSERT_FALSE(spec.is_null()) << name << ": " << complaints(set);
    EXPECT_EQ(to_json(*spec.find("env")), R"({"A":"1","B":"2","entrypoint":"x"})") << name;
    EXPECT_EQ(to_json(*spec.find("command")), R"(["two"])") << name;
  }
}

TEST(ComposeMergeTest, AResetEndsWithItsFile) {
  const auto set =
      load_stack({{"compose.yaml", "services: {db: {image: a, cap_drop: [ONE]}}\n"},
                  {"two.yaml",
                   "services:\n  db: {cap_drop: !reset []}\n"
                   "  web: {image: a, cap_drop: !reset []}\n"},
                  {"three.yaml", "services: {db: {cap_drop: [KILL]}, web: {cap_drop: [KILL]}}\n"}},
                 "  overrides: [two.yaml, three.yaml]\n");
  for (const std::string name : {"db", "web"}) {
    const Value spec = spec_of_part(set, "Service/shop." + name);
    ASSERT_FALSE(spec.is_null()) << complaints(set);
    ASSERT_NE(spec.at_path("capDrop"), nullptr) << to_json(spec);
    EXPECT_EQ(to_json(*spec.at_path("capDrop")), R"(["KILL"])") << name;
  }
}

TEST(ComposeMergeTest, AnIncludedFileMayBeSaidTwiceButNotOtherwise) {
  const std::string db = "services: {db: {image: postgres}}\n";
  EXPECT_EQ(complaints(load_stack({{"compose.yaml", "include: [a.yaml, b.yaml]\n"},
                                   {"a.yaml", "include: [db.yaml]\nservices: {a: {image: a}}\n"},
                                   {"b.yaml", "include: [db.yaml]\nservices: {b: {image: b}}\n"},
                                   {"db.yaml", db}})),
            "");
  const std::string twice = complaints(load_stack(
      {{"compose.yaml", "include: [db.yaml]\nservices: {db: {image: mysql}}\n"}, {"db.yaml", db}}));
  EXPECT_NE(twice.find("compose.yaml:2:12: error: services.db is included already, from db.yaml:1"),
            std::string::npos)
      << twice;
}

}  // namespace
}  // namespace croft::manifest::compose
