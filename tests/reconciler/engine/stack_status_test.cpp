#include "reconciler/engine/stack_status.hpp"

#include <gtest/gtest.h>

namespace croft {
namespace {

ResourceStatus part(Kind kind, const std::string& name, Phase phase, ConditionStatus ready,
                    const std::string& reason = "Running") {
  ResourceStatus status;
  status.ref = {"alice", kind, name};
  status.uid = "uid-" + name;
  status.provider = "docker";
  status.phase = phase;
  status.conditions.push_back({"Ready", ready, reason, reason == "Running" ? "" : "exit 1", {}});
  status.applied_revision = "c0ffee";
  status.created_at = Timestamp(Duration(1000));
  return status;
}

ResourceStatus running(const std::string& name) {
  return part(Kind::Service, name, Phase::Running, ConditionStatus::True);
}

const Condition& ready_of(const ResourceStatus& status) {
  return *find_condition(status.conditions, "Ready");
}

TEST(StackStatusTest, IsReadyOnceAllServicesAre) {
  const auto stacks =
      stack_statuses({running("shop.db"), running("shop.web"),
                      part(Kind::Volume, "shop.data", Phase::Running, ConditionStatus::True)});
  ASSERT_EQ(stacks.size(), 1U);
  EXPECT_EQ(to_string(stacks[0].ref), "alice/Stack/shop");
  EXPECT_EQ(ready_of(stacks[0]).status, ConditionStatus::True);
  EXPECT_EQ(stacks[0].message, "2/2 services");
  EXPECT_EQ(stacks[0].phase, Phase::Running);
  EXPECT_EQ(stacks[0].applied_revision, "c0ffee");
}

TEST(StackStatusTest, OneServiceThatFailsIsNamed) {
  const auto stacks =
      stack_statuses({running("shop.db"), part(Kind::Service, "shop.web", Phase::Failed,
                                               ConditionStatus::False, "CrashLoop")});
  ASSERT_EQ(stacks.size(), 1U);
  EXPECT_EQ(ready_of(stacks[0]).status, ConditionStatus::False);
  EXPECT_EQ(ready_of(stacks[0]).reason, "CrashLoop");
  EXPECT_EQ(ready_of(stacks[0]).message, "1/2 services; web: CrashLoop: exit 1");
  EXPECT_EQ(stacks[0].phase, Phase::Failed);
}

TEST(StackStatusTest, StacksOfOneTenantAreKeptApart) {
  const auto stacks = stack_statuses({running("blog.web"), running("shop.web")});
  ASSERT_EQ(stacks.size(), 2U);
  EXPECT_EQ(stacks[0].ref.name, "blog");
  EXPECT_EQ(stacks[1].ref.name, "shop");
}

TEST(StackStatusTest, WhatIsNoPartMakesNoStack) {
  ResourceStatus site;
  site.ref = {"alice", Kind::Site, "blog"};
  EXPECT_TRUE(stack_statuses({site}).empty());
}

TEST(StackStatusTest, PartsOfDifferentRevisionsHaveNoneInCommon) {
  ResourceStatus behind = running("shop.db");
  behind.applied_revision = "01d";
  EXPECT_EQ(stack_statuses({running("shop.web"), behind})[0].applied_revision, "");
}

TEST(StackStatusTest, OneThatHasEndedWellDoesNotHideTheOthers) {
  const auto stacks = stack_statuses(
      {part(Kind::Service, "shop.migrate", Phase::Completed, ConditionStatus::True, "Completed"),
       running("shop.web")});
  EXPECT_EQ(stacks[0].phase, Phase::Running);
  EXPECT_EQ(ready_of(stacks[0]).status, ConditionStatus::True);
}

}  // namespace
}  // namespace croft
