#include "reconciler/engine/usage.hpp"

#include <gtest/gtest.h>

namespace croft {
namespace {

struct UsageTest : testing::Test {
  ManualClock clock;
  SystemRandom random;
  UsageRecorder recorder{clock, random};
  Observed running;

  void SetUp() override {
    running.phase = Phase::Running;
    running.started_at = clock.now();
  }
  static const UsageRow& row_of(const Write& write) { return std::get<PutUsage>(write).row; }
};

TEST_F(UsageTest, ActiveTimeRunsFromTheFirstRunningReportToTheEnd) {
  const auto opened = recorder.note("t", "r", "local", &running);
  ASSERT_EQ(opened.size(), 1U);
  EXPECT_FALSE(row_of(opened[0]).to);
  clock.advance(Duration(5'000));
  EXPECT_TRUE(recorder.note("t", "r", "local", &running).empty());
  const auto closed = recorder.note("t", "r", "local", nullptr);
  ASSERT_EQ(closed.size(), 1U);
  EXPECT_EQ(row_of(closed[0]).quantity, 5'000);
  EXPECT_EQ(row_of(closed[0]).id, row_of(opened[0]).id);
}

TEST_F(UsageTest, AfterACrashTheSameRunGoesOnAndAnotherClosesAtTheLastHeartbeat) {
  UsageRow same;
  same.id = "same";
  same.resource_uid = "r1";
  same.from = clock.now();
  clock.advance(Duration(10'000));
  same.heartbeat = clock.now();
  UsageRow other = same;
  other.id = "other";
  other.resource_uid = "r2";
  recorder.take_over({same, other});
  clock.advance(Duration(60'000));
  EXPECT_TRUE(recorder.note("t", "r1", "local", &running).empty());
  Observed restarted = running;
  restarted.started_at = clock.now();
  const auto writes = recorder.note("t", "r2", "local", &restarted);
  ASSERT_EQ(writes.size(), 2U);
  EXPECT_EQ(row_of(writes[0]).id, "other");
  EXPECT_EQ(row_of(writes[0]).quantity, 10'000);
  EXPECT_NE(row_of(writes[1]).id, "other");
}

TEST_F(UsageTest, HeartbeatsMoveEveryOpenInterval) {
  (void)recorder.note("t", "r", "local", &running);
  clock.advance(Duration(60'000));
  const auto beats = recorder.heartbeat();
  ASSERT_EQ(beats.size(), 1U);
  EXPECT_EQ(row_of(beats[0]).heartbeat, clock.now());
}

}  // namespace
}  // namespace croft
