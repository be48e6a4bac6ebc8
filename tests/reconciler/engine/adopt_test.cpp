// A store that is lost, and what runs without it.

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/reconciler/engine/daemon.hpp"

namespace croft {
namespace {

/// A daemon ran two Instances, and its store is gone.
class AdoptTest : public testing::Test {
 protected:
  AdoptTest() {
    bed_.push_alice({{"a.yaml", instance_yaml("web")}, {"b.yaml", instance_yaml("worker")}});
    Daemon daemon(bed_);
    EXPECT_TRUE(daemon.settle());
    uid_ = daemon.status("alice/Instance/web").uid;
    bed_.lose_store();
  }

  TestBed bed_;
  std::string uid_;
};

TEST_F(AdoptTest, NothingIsMadeASecondTimeAndTheDiffSaysWhy) {
  const std::size_t effects = bed_.world->effects();
  Daemon daemon(bed_);
  daemon.run_until([&] { return !daemon.engine().tenants().empty(); });
  const auto passed = daemon.run(daemon.engine().reconcile({"alice", std::nullopt}));
  ASSERT_TRUE(passed) << passed.error().describe();
  EXPECT_EQ(bed_.world->effects(), effects);
  ASSERT_EQ(passed->front().changes.size(), 2U);
  const Change& change = passed->front().changes.front();
  EXPECT_EQ(change.reason, "NotInInventory");
  EXPECT_EQ(change.why, "one with uid " + uid_ +
                            " runs already, and is not in the inventory: `croft adopt -t alice` "
                            "takes it over");
}

TEST_F(AdoptTest, WhatRunsIsTakenOverAsItRuns) {
  const std::size_t effects = bed_.world->effects();
  Daemon daemon(bed_);
  daemon.run_until([&] { return !daemon.engine().tenants().empty(); });
  const auto adopted = daemon.run(daemon.engine().adopt("alice", "root"));
  ASSERT_TRUE(adopted) << adopted.error().describe();
  EXPECT_EQ(adopted->size(), 2U);
  ASSERT_TRUE(daemon.settle());
  const auto passed = daemon.run(daemon.engine().reconcile({"alice", std::nullopt}));
  ASSERT_TRUE(passed) << passed.error().describe();
  EXPECT_FALSE(has_changes(passed->front()));
  EXPECT_EQ(bed_.world->effects(), effects) << "nothing of it was touched";
  const ResourceStatus web = daemon.status("alice/Instance/web");
  EXPECT_EQ(web.uid, uid_);
  EXPECT_EQ(find_condition(web.conditions, "Ready")->status, ConditionStatus::True);
  const auto events = daemon.events();
  EXPECT_TRUE(
      std::ranges::any_of(events, [](const EventRow& event) { return event.reason == "Adopted"; }));
}

TEST_F(AdoptTest, WhatWasDeclaredMeanwhileIsAnUpdateOfWhatRuns) {
  bed_.push_alice({{"a.yaml", instance_yaml("web", "  env: {GREETING: changed}\n")}});
  Daemon daemon(bed_);
  daemon.run_until([&] { return !daemon.engine().tenants().empty(); });
  ASSERT_TRUE(daemon.run(daemon.engine().adopt("alice", "root")));
  ASSERT_TRUE(daemon.run_until([&] {
    const auto things = bed_.world->things();
    return std::ranges::any_of(things, [&](const FakeThing& thing) {
      return thing.observed.uid == uid_ &&
             thing.observed.fields->text_or("env.GREETING", "") == "changed";
    });
  }));
  EXPECT_EQ(bed_.world->things().size(), 2U);
}

TEST_F(AdoptTest, ANewTenantOfThatNameWithThingsOfItsOwnIsNotMixedUpWithIt) {
  bed_.push_alice({{"c.yaml", instance_yaml("new")}});
  Daemon daemon(bed_);
  ASSERT_TRUE(daemon.settle());
  ASSERT_EQ(bed_.world->things().size(), 3U) << "what is new is made";
  const auto adopted = daemon.run(daemon.engine().adopt("alice", "root"));
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().code(), ErrorCode::Conflict);
}

TEST(AdoptNothingTest, SaysThatThereIsNothing) {
  TestBed bed;
  bed.push_alice({{"a.yaml", instance_yaml("web")}});
  Daemon daemon(bed);
  ASSERT_TRUE(daemon.settle());
  const auto adopted = daemon.run(daemon.engine().adopt("alice", "root"));
  ASSERT_FALSE(adopted);
  EXPECT_EQ(adopted.error().code(), ErrorCode::NotFound);
}

}  // namespace
}  // namespace croft
