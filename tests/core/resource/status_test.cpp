#include "core/resource/status.hpp"

#include <gtest/gtest.h>

namespace croft {
namespace {

Timestamp at(int seconds) { return Timestamp(Duration(seconds * 1000)); }

TEST(StatusTest, NamesSurviveARoundTrip) {
  for (const auto phase :
       {Phase::Created, Phase::Starting, Phase::Running, Phase::Asleep, Phase::Stopping,
        Phase::Stopped, Phase::Completed, Phase::Failed, Phase::Destroyed}) {
    EXPECT_EQ(phase_from(to_string(phase)), phase);
  }
  for (const auto status :
       {ConditionStatus::True, ConditionStatus::False, ConditionStatus::Unknown})
    EXPECT_EQ(condition_status_from(to_string(status)), status);
  EXPECT_FALSE(phase_from("running"));
  EXPECT_FALSE(condition_status_from(""));
}

TEST(StatusTest, SinceMovesOnlyWithStatusOrReason) {
  std::vector<Condition> conditions;
  EXPECT_TRUE(set_condition(conditions, {"Ready", ConditionStatus::False, "Starting", "", at(1)}));
  EXPECT_FALSE(set_condition(conditions, {"Ready", ConditionStatus::False, "Starting", "", at(2)}));
  EXPECT_EQ(find_condition(conditions, "Ready")->since, at(1));
  EXPECT_TRUE(
      set_condition(conditions, {"Ready", ConditionStatus::False, "Starting", "still", at(3)}));
  EXPECT_EQ(find_condition(conditions, "Ready")->since, at(1));
  EXPECT_TRUE(set_condition(conditions, {"Ready", ConditionStatus::True, "Running", "", at(4)}));
  EXPECT_EQ(find_condition(conditions, "Ready")->since, at(4));
}

TEST(StatusTest, AClearedConditionIsGone) {
  std::vector<Condition> conditions;
  set_condition(conditions, {"Stalled", ConditionStatus::True, "Invalid", "", at(1)});
  EXPECT_TRUE(clear_condition(conditions, "Stalled"));
  EXPECT_FALSE(clear_condition(conditions, "Stalled"));
  EXPECT_EQ(find_condition(conditions, "Stalled"), nullptr);
}

}  // namespace
}  // namespace croft
