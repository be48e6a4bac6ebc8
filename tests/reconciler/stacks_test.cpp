// What Stacks expand to, on its way through the pure middle.

#include <gtest/gtest.h>

#include "core/base/clock.hpp"
#include "core/resource/kinds.hpp"
#include "providers/fake/fake_provider.hpp"
#include "reconciler/admission.hpp"
#include "reconciler/expand.hpp"
#include "tests/reconciler/worlds.hpp"

namespace croft {
namespace {

Ref part(Kind kind, const std::string& name) { return {"alice", kind, name}; }

Value service(const std::string& image = "nginx:1.27") {
  return Value::map(
      {{"image", image}, {"resources", Value::map({{"cpu", 250}, {"memory", 256 << 20}})}});
}

Value texts(std::initializer_list<const char*> items) {
  Value list = Value::list();
  for (const char* item : items) list.push_back(item);
  return list;
}

Value volume(std::int64_t size = 1 << 30) { return Value::map({{"size", size}}); }

class StackExpansionTest : public testing::Test {
 protected:
  StackExpansionTest() {
    input_.tenant = "alice";
    input_.revisions["alice/main"] = "c0ffee";
  }
  void offer(const std::string& name, Capabilities capabilities, bool is_default) {
    providers_.push_back(std::make_unique<FakeProvider>(world_));
    input_.providers.push_back(
        {name, "fake", providers_.back().get(), is_default, {}, capabilities});
  }
  void add(const Ref& ref, Value value) {
    input_.resources.push_back(
        {ref, spec(std::move(value)), nullptr, nullptr, {"alice/main", "compose.yaml", 0, 3}});
  }
  void add_shop() {
    add({"alice", Kind::Stack, "shop"}, Value::map({{"file", "compose.yaml"}}));
    add(part(Kind::Service, "shop.web"), service());
    add(part(Kind::Volume, "shop.data"), volume());
    add(part(Kind::Network, "shop.default"), Value::map());
  }

  ManualClock clock_;
  std::shared_ptr<FakeWorld> world_ = std::make_shared<FakeWorld>(clock_);
  std::vector<std::unique_ptr<FakeProvider>> providers_;
  ExpandInput input_;
};

TEST_F(StackExpansionTest, AStackIsItsPartsAndNothingBeside) {
  offer("docker", {.workloads = true, .commands = false, .images = true, .stacks = true}, true);
  add_shop();
  const Expansion expansion = expand(input_);
  EXPECT_TRUE(expansion.problems.empty());
  EXPECT_EQ(expansion.desired.size(), 3U);
  EXPECT_FALSE(expansion.desired.contains({"alice", Kind::Stack, "shop"}));
  for (const auto& [ref, desired] : expansion.desired) EXPECT_EQ(desired.provider, "docker");
}

TEST_F(StackExpansionTest, AProviderWithoutStacksIsRefusedOnce) {
  offer("local", {.workloads = true, .volumes = true}, true);
  add_shop();
  const Expansion expansion = expand(input_);
  ASSERT_EQ(expansion.problems.size(), 1U);
  EXPECT_EQ(expansion.problems[0].message, "no provider that you may use can run Stacks");
}

TEST_F(StackExpansionTest, ANewServiceGoesWhereItsStackIs) {
  const Capabilities docker{.workloads = true, .commands = false, .images = true, .stacks = true};
  offer("docker", docker, true);
  offer("old", docker, false);
  input_.placed[part(Kind::Volume, "shop.data")] = "old";
  add_shop();
  const Expansion expansion = expand(input_);
  EXPECT_TRUE(expansion.problems.empty());
  for (const auto& [ref, desired] : expansion.desired) EXPECT_EQ(desired.provider, "old");
}

TEST_F(StackExpansionTest, InstancesGoWhereTheirProgramsAre) {
  offer("docker", {.workloads = true, .commands = false, .images = true, .stacks = true}, true);
  offer("local", {.workloads = true}, false);
  add(instance("plain"), Value::map({{"command", texts({"sleep", "9"})}}));
  add(instance("boxed"), Value::map({{"image", "nginx"}}));
  const Expansion expansion = expand(input_);
  EXPECT_TRUE(expansion.problems.empty());
  EXPECT_EQ(expansion.desired.at(instance("plain")).provider, "local");
  EXPECT_EQ(expansion.desired.at(instance("boxed")).provider, "docker");
}

TEST_F(StackExpansionTest, ACommandWithoutAnImageNamesWhatIsMissing) {
  offer("docker", {.workloads = true, .commands = false, .images = true, .stacks = true}, true);
  add(instance("plain"), Value::map({{"command", texts({"sleep", "9"})}, {"provider", "docker"}}));
  const Expansion expansion = expand(input_);
  ASSERT_EQ(expansion.problems.size(), 1U);
  EXPECT_EQ(expansion.problems[0].message,
            "provider 'docker' cannot run Instances without 'image' or 'build'");
}

// Hosts

Value routed(std::initializer_list<std::pair<const char*, int>> routes) {
  Value value = service();
  for (const auto& [host, port] : routes)
    value.set("routes", value.find("routes") == nullptr ? Value::list() : *value.find("routes"))
        .push_back(Value::map({{"host", host}, {"port", port}}));
  return value;
}

TEST(StackClaimsTest, ANameWithoutADotIsBelowTheDomain) {
  World world = empty_world();
  declare(world, part(Kind::Service, "shop.web"), routed({{"shop", 80}, {"shop.alice.dev", 81}}));
  const auto claims = claims_of(world.desired, "example.com");
  ASSERT_EQ(claims.size(), 2U);
  EXPECT_EQ(claims[0].host, "alice-shop.example.com");
  EXPECT_EQ(claims[0].port, 80);
  EXPECT_EQ(claims[1].host, "shop.alice.dev");
  EXPECT_EQ(claims[1].port, 81);
}

TEST(StackClaimsTest, OnlyCustomHostsNeedTheOperatorsLeave) {
  World world = empty_world();
  declare(world, part(Kind::Service, "shop.web"), routed({{"shop", 80}, {"shop.alice.dev", 80}}));
  const auto problems =
      check_claims({}, claims_of(world.desired, "example.com"), {}, "example.com");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].path, "spec.routes[1]");
  EXPECT_NE(problems[0].message.find("'shop.alice.dev'"), std::string::npos);
}

TEST(StackClaimsTest, AnExposedNameIsTakenFromASiteOfThatName) {
  World world = empty_world();
  declare(world, site("shop"), Value::map({{"files", Value::map({{"path", "public"}})}}));
  declare(world, part(Kind::Service, "shop.web"), routed({{"shop", 80}}));
  const auto problems =
      check_claims({}, claims_of(world.desired, "example.com"), {}, "example.com");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].ref, part(Kind::Service, "shop.web"));
}

// The diff

TEST(StackDiffTest, WhatAServiceStandsOnComesFirst) {
  World world = empty_world();
  Value web = service();
  web.set("dependsOn", texts({"Service/shop.db", "Network/shop.default"}));
  Value db = service("postgres:17");
  db.set("dependsOn", texts({"Volume/shop.data", "Network/shop.default"}));
  declare(world, part(Kind::Service, "shop.web"), web);
  declare(world, part(Kind::Service, "shop.db"), db);
  declare(world, part(Kind::Volume, "shop.data"), volume());
  declare(world, part(Kind::Network, "shop.default"), Value::map());
  const Changeset changeset = diff(world);
  ASSERT_EQ(changeset.changes.size(), 4U);
  EXPECT_EQ(changeset.changes[2].ref, part(Kind::Service, "shop.db"));
  EXPECT_EQ(changeset.changes[3].ref, part(Kind::Service, "shop.web"));
}

TEST(StackDiffTest, DependingOnAStackIsDependingOnItsServices) {
  World world = empty_world();
  Value api = app();
  api.set("dependsOn", texts({"Stack/shop"}));
  declare(world, instance("api"), api);
  declare(world, part(Kind::Service, "shop.db"), service());
  declare(world, part(Kind::Volume, "shop.data"), volume());
  const Changeset changeset = diff(world);
  EXPECT_EQ(change_of(changeset, instance("api")).depends_on,
            std::vector<Ref>{part(Kind::Service, "shop.db")});
  const auto place_of = [&](const Ref& ref) {
    return std::ranges::find(changeset.changes, ref, &Change::ref) - changeset.changes.begin();
  };
  EXPECT_LT(place_of(part(Kind::Service, "shop.db")), place_of(instance("api")));
}

TEST(StackDiffTest, AVolumeThatGoesIsDataThatGoes) {
  World world = empty_world();
  own(world, part(Kind::Volume, "shop.data"), volume());
  run(world, part(Kind::Volume, "shop.data"), volume());
  const Changeset changeset = diff(world);
  const Change& change = change_of(changeset, part(Kind::Volume, "shop.data"));
  EXPECT_EQ(change.action, Action::Destroy);
  EXPECT_TRUE(change.loses_data);
  EXPECT_NE(change.why.find("data kept for 30 days"), std::string::npos) << change.why;
  ASSERT_TRUE(changeset.guard);
  EXPECT_EQ(changeset.guard->reason, "DataLoss");
}

TEST(StackDiffTest, AServiceThatGoesLosesNothing) {
  World world = empty_world();
  own(world, part(Kind::Service, "shop.web"), service());
  run(world, part(Kind::Service, "shop.web"), service());
  EXPECT_FALSE(change_of(diff(world), part(Kind::Service, "shop.web")).loses_data);
}

TEST(StackDiffTest, StoppingAStackStopsItsServicesOnly) {
  World world = empty_world();
  settle(world, part(Kind::Service, "shop.web"), service());
  settle(world, part(Kind::Service, "other.web"), service());
  settle(world, part(Kind::Volume, "shop.data"), volume());
  direct(world, {"alice", Kind::Stack, "shop"}, DirectiveVerb::Stop, 0);
  const Changeset changeset = diff(world);
  EXPECT_EQ(change_of(changeset, part(Kind::Service, "shop.web")).action, Action::Stop);
  EXPECT_EQ(change_of(changeset, part(Kind::Service, "other.web")).action, Action::Keep);
  EXPECT_EQ(change_of(changeset, part(Kind::Volume, "shop.data")).action, Action::Keep);
}

TEST(StackDiffTest, TheNewerOrderOfStackAndServiceWins) {
  World world = empty_world();
  settle(world, part(Kind::Service, "shop.web"), service());
  settle(world, part(Kind::Service, "shop.db"), service());
  world.now = at(100);
  direct(world, {"alice", Kind::Stack, "shop"}, DirectiveVerb::Stop, 10);
  direct(world, part(Kind::Service, "shop.db"), DirectiveVerb::Start, 20);
  const Changeset changeset = diff(world);
  EXPECT_EQ(change_of(changeset, part(Kind::Service, "shop.web")).action, Action::Stop);
  EXPECT_EQ(change_of(changeset, part(Kind::Service, "shop.db")).action, Action::Keep);
}

TEST(StackDiffTest, ASuspendedTenantKeepsVolumesAndNetworksAsTheyAre) {
  World world = empty_world();
  settle(world, part(Kind::Service, "shop.web"), service());
  settle(world, part(Kind::Volume, "shop.data"), volume());
  world.is_suspended = true;
  const Changeset changeset = diff(world);
  EXPECT_EQ(change_of(changeset, part(Kind::Service, "shop.web")).action, Action::Stop);
  EXPECT_EQ(change_of(changeset, part(Kind::Volume, "shop.data")).action, Action::Keep);
}

TEST(StackDiffTest, AStackThatIsAppliedDiffersInNothing) {
  World world = empty_world();
  declare(world, part(Kind::Service, "shop.web"), service());
  declare(world, part(Kind::Volume, "shop.data"), volume());
  declare(world, part(Kind::Network, "shop.default"), Value::map());
  const World after = applied(world, diff(world));
  EXPECT_FALSE(has_changes(diff(after)));
}

// Admission

TEST(StackAdmissionTest, WhatTheWallsForbidIsRefusedAtItsField) {
  World world = empty_world();
  world.plan = "studio";
  Value web = service();
  web.set("privileged", true);
  declare(world, part(Kind::Service, "shop.web"), web);
  const plans::Loosening nothing;
  const Admission admission = admit({.world = &world, .loosening = &nothing});
  ASSERT_EQ(admission.refusals.size(), 1U);
  EXPECT_EQ(admission.refusals[0].path, "spec.privileged");
  EXPECT_EQ(admission.refusals[0].message,
            "service 'web' asks for 'privileged', which plan 'studio' does not allow");
}

TEST(StackAdmissionTest, WhatStandsAsItWasIsNotJudgedAgain) {
  World world = empty_world();
  Value web = service();
  web.set("privileged", true);
  settle(world, part(Kind::Service, "shop.web"), web);
  const plans::Loosening nothing;
  EXPECT_TRUE(admit({.world = &world, .loosening = &nothing}).refusals.empty());
}

TEST(StackAdmissionTest, InSoloModeNothingIsForbidden) {
  World world = empty_world();
  Value web = service();
  web.set("privileged", true);
  declare(world, part(Kind::Service, "shop.web"), web);
  EXPECT_TRUE(admit({.world = &world}).refusals.empty());
}

}  // namespace
}  // namespace croft
