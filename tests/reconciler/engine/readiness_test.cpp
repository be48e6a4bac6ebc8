#include "reconciler/engine/readiness.hpp"

#include <gtest/gtest.h>

namespace croft {
namespace {

const Timestamp kNow(Duration(1'000));

Observed in_phase(Phase phase, std::string reason = "") {
  Observed observed;
  observed.phase = phase;
  observed.reason = std::move(reason);
  return observed;
}

TEST(ReadinessTest, RunningWithoutACheckIsReady) {
  const Observed observed = in_phase(Phase::Running);
  ReadinessInput input;
  input.observed = &observed;
  EXPECT_EQ(readiness(input, kNow).status, ConditionStatus::True);
  EXPECT_TRUE(takes_traffic(input));
}

TEST(ReadinessTest, RunningWithACheckIsReadyOnlyOnceItPassed) {
  const Observed observed = in_phase(Phase::Running);
  ReadinessInput input;
  input.observed = &observed;
  input.has_health_check = true;
  EXPECT_EQ(readiness(input, kNow).reason, "Starting");
  EXPECT_FALSE(takes_traffic(input));
  input.health = {Health::Passing, true, false, ""};
  EXPECT_EQ(readiness(input, kNow).status, ConditionStatus::True);
}

TEST(ReadinessTest, OneThatPassedBeforeKeepsItsTrafficWhileItFails) {
  const Observed observed = in_phase(Phase::Running);
  ReadinessInput input;
  input.observed = &observed;
  input.has_health_check = true;
  input.health = {Health::Failing, true, false, "no answer"};
  EXPECT_EQ(readiness(input, kNow).reason, "Unhealthy");
  EXPECT_TRUE(takes_traffic(input));
}

TEST(ReadinessTest, NotHealthyInTimeIsUnhealthyAndNotStartingForEver) {
  const Observed observed = in_phase(Phase::Running);
  ReadinessInput input;
  input.observed = &observed;
  input.has_health_check = true;
  input.health.is_overdue = true;
  EXPECT_EQ(readiness(input, kNow).reason, "Unhealthy");
}

TEST(ReadinessTest, AsleepCountsAsReady) {
  const Observed observed = in_phase(Phase::Asleep);
  ReadinessInput input;
  input.observed = &observed;
  EXPECT_EQ(readiness(input, kNow).status, ConditionStatus::True);
  EXPECT_EQ(readiness(input, kNow).reason, "Asleep");
}

TEST(ReadinessTest, FailedTellsTheProvidersReason) {
  const Observed observed = in_phase(Phase::Failed, "CrashLoop");
  ReadinessInput input;
  input.observed = &observed;
  EXPECT_EQ(readiness(input, kNow).reason, "CrashLoop");
  EXPECT_FALSE(takes_traffic(input));
}

TEST(ReadinessTest, AProviderThatDoesNotAnswerMakesItUnknown) {
  ReadinessInput input;
  input.provider_answers = false;
  EXPECT_EQ(readiness(input, kNow).status, ConditionStatus::Unknown);
}

TEST(ReadinessTest, StoppedByHandSaysWho) {
  const Observed observed = in_phase(Phase::Stopped);
  ReadinessInput input;
  input.observed = &observed;
  input.held_reason = "Held";
  input.held_message = "stopped by alice";
  EXPECT_EQ(readiness(input, kNow).reason, "Held");
  EXPECT_EQ(readiness(input, kNow).message, "stopped by alice");
}

}  // namespace
}  // namespace croft
