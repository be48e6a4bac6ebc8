#include <gtest/gtest.h>

#include "tests/reconciler/worlds.hpp"

namespace croft {
namespace {

const Value kSite = Value::map({{"files", Value::map({{"path", "public"}, {"tree", "aa"}})}});

// Alice has that many Sites; the first `gone` of them are no longer declared.
World sites(int count, int gone) {
  World world = empty_world();
  for (int i = 0; i < count; ++i) {
    const Ref ref = site("s" + std::to_string(i));
    own(world, ref, kSite);
    run(world, ref, kSite);
    if (i >= gone) declare(world, ref, kSite);
  }
  return world;
}

std::string reason(const World& world) {
  const auto guard = diff(world).guard;
  return guard ? guard->reason : "";
}

TEST(GuardTest, OneSiteOfThreeGoesWithoutAsking) { EXPECT_EQ(reason(sites(3, 1)), ""); }
TEST(GuardTest, OneOfOneGoesIfItsSourceDeclaresSomethingElseNow) {
  World world = sites(1, 1);
  declare(world, site("renamed"), kSite);
  EXPECT_EQ(reason(world), "");
}
TEST(GuardTest, HalfIsNotMoreThanHalf) { EXPECT_EQ(reason(sites(4, 2)), ""); }
TEST(GuardTest, MoreThanHalfWaits) {
  const auto guard = diff(sites(3, 2)).guard;
  ASSERT_TRUE(guard);
  EXPECT_EQ(guard->reason, "TooMany");
  EXPECT_EQ(guard->message, "2 of 3 resources would be destroyed: Site/s1, Site/s0");
}

TEST(GuardTest, AnEmptySourceWaitsEvenForOne) {
  World world = sites(1, 1);
  world.emptied_sources.insert("alice/main");
  const auto guard = diff(world).guard;
  ASSERT_TRUE(guard);
  EXPECT_EQ(guard->reason, "EmptySource");
  EXPECT_EQ(guard->message,
            "source alice/main declares nothing any more: 1 resource would be destroyed: Site/s0");
}

TEST(GuardTest, AnEmptySourceThatOwnedNothingIsNothing) {
  World world = sites(3, 0);
  world.emptied_sources.insert("alice/other");
  EXPECT_EQ(reason(world), "");
}

TEST(GuardTest, ARemovedSourceWaits) {
  World world = sites(3, 1);
  row_of(world, site("s0")).source = "alice/old";
  world.removed_sources.insert("alice/old");
  EXPECT_EQ(reason(world), "SourceRemoved");
}

TEST(GuardTest, VolumesWaitForAPerson) {
  World world = sites(3, 0);
  own(world, instance("db"), with_volume(app(), "data", 1 << 30));
  const auto guard = diff(world).guard;
  ASSERT_TRUE(guard);
  EXPECT_EQ(guard->reason, "DataLoss");
  EXPECT_EQ(guard->message,
            "data would be lost: Instance/db (removed from alice/main; data kept for 30 days)");
}

TEST(GuardTest, RemovingATenantOrASourceOfThePlatformWaits) {
  for (const Kind kind : {Kind::Tenant, Kind::Source, Kind::Plan}) {
    World world;
    for (const char* name : {"a", "b", "c"}) {
      const Ref ref{"", kind, name};
      own(world, ref, Value::map()).provider = "";
      if (name[0] != 'a')
        world.desired[ref] =
            Desired{.ref = ref, .spec = spec(Value::map()), .source = "alice/main"};
    }
    const std::string expected = kind == Kind::Tenant   ? "TenantRemoved"
                                 : kind == Kind::Source ? "SourceRemoved"
                                                        : "";
    EXPECT_EQ(reason(world), expected) << to_string(kind);
  }
}

TEST(GuardTest, ARemovedTenantWithNothingIsNotGuarded) {
  World world = empty_world();
  world.is_removed = true;
  EXPECT_EQ(reason(world), "");
}

TEST(GuardTest, WhatWasNeverAppliedGoesWithoutAsking) {
  World world = sites(0, 0);
  for (const char* name : {"a", "b"}) own(world, instance(name), app()).applied = nullptr;
  EXPECT_EQ(reason(world), "");
}

TEST(GuardTest, ManyNamesAreCutShort) {
  const auto guard = diff(sites(9, 9)).guard;
  ASSERT_TRUE(guard);
  EXPECT_NE(guard->message.find("and 4 more"), std::string::npos) << guard->message;
}

TEST(GuardTest, RepairsAndOrdersByHandNeedNotWait) {
  World world = sites(3, 2);
  settle(world, instance("held"), app());
  direct(world, instance("held"), DirectiveVerb::Stop, -10);
  settle(world, instance("gone"), app());
  world.observed.erase("uid-gone");
  settle(world, instance("grown"), with_volume(app(), "data", 1 << 20));
  run(world, instance("grown"), with_volume(app(), "data", 1 << 30));
  declare(world, instance("new"), app());
  const Changeset changeset = diff(world);
  ASSERT_TRUE(changeset.guard);
  EXPECT_TRUE(is_exempt_from_guard(change_of(changeset, instance("held"))));
  EXPECT_TRUE(is_exempt_from_guard(change_of(changeset, instance("gone"))));
  EXPECT_FALSE(is_exempt_from_guard(change_of(changeset, instance("new"))));
  EXPECT_FALSE(is_exempt_from_guard(change_of(changeset, site("s0"))));
  const Change& shrinking = change_of(changeset, instance("grown"));
  EXPECT_TRUE(shrinking.is_drift && shrinking.loses_data);
  EXPECT_FALSE(is_exempt_from_guard(shrinking))
      << "somebody made it larger by hand; what is in it may not fit";
}

}  // namespace
}  // namespace croft
