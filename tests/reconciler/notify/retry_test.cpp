#include "reconciler/notify/retry.hpp"

#include <numeric>

#include <gtest/gtest.h>

namespace croft::notify {
namespace {

const Timestamp kNow{Duration(1'700'000'000'000)};

Attempt failure(int status = 500) {
  Attempt attempt;
  attempt.status = status;
  attempt.answer = "it answered so";
  return attempt;
}

Attempt taken() {
  Attempt attempt;
  attempt.fate = Attempt::Fate::Taken;
  attempt.status = 204;
  return attempt;
}

TEST(RetryTest, GoesOnForThreeDays) {
  const RetrySchedule schedule = RetrySchedule::standard();
  const Duration all = std::accumulate(schedule.delays.begin(), schedule.delays.end(), Duration(0));
  EXPECT_GT(all, Duration(3 * 86'400'000LL));
  EXPECT_LT(all, Duration(4 * 86'400'000LL));
  DeliveryRow row;
  for (std::size_t i = 0; i < schedule.delays.size(); ++i) {
    row = after_attempt(std::move(row), failure(), schedule, 0.5, kNow);
    ASSERT_EQ(row.state, DeliveryState::Pending);
    EXPECT_EQ(*row.next_try - kNow, schedule.delays[i]);
  }
  row = after_attempt(std::move(row), failure(), schedule, 0.5, kNow);
  EXPECT_EQ(row.state, DeliveryState::Failed);
  EXPECT_EQ(row.attempts, 11);
  EXPECT_EQ(row.ended_at, kNow);
}

TEST(RetryTest, VariesTheDelays) {
  const RetrySchedule schedule{.delays = {Duration(1'000)}};
  EXPECT_EQ(*after_attempt({}, failure(), schedule, 0, kNow).next_try - kNow, Duration(800));
  EXPECT_EQ(*after_attempt({}, failure(), schedule, 0.999999, kNow).next_try - kNow,
            Duration(1'199));
}

TEST(RetryTest, GrantsWhatIsAskedForWithinBounds) {
  const RetrySchedule schedule{.delays = {Duration(1'000)}, .longest_wish = Duration(60'000)};
  const auto delay = [&](Duration wish) {
    Attempt attempt = failure(503);
    attempt.retry_after = wish;
    return *after_attempt({}, attempt, schedule, 0.5, kNow).next_try - kNow;
  };
  EXPECT_EQ(delay(Duration(30'000)), Duration(30'000));
  EXPECT_EQ(delay(Duration(10)), Duration(1'000));
  EXPECT_EQ(delay(Duration(900'000)), Duration(60'000));
}

TEST(RetryTest, ReadsWishesInBothForms) {
  EXPECT_EQ(parse_retry_after("120", kNow), Duration(120'000));
  EXPECT_EQ(parse_retry_after("Tue, 14 Nov 2023 22:14:20 GMT", kNow), Duration(60'000));
  EXPECT_EQ(parse_retry_after("Tue, 14 Nov 2000 22:14:20 GMT", kNow), Duration(0));
  EXPECT_TRUE(parse_retry_after("99999999999999999", kNow).has_value());
  EXPECT_FALSE(parse_retry_after("-1", kNow));
  EXPECT_FALSE(parse_retry_after("soon", kNow));
  EXPECT_FALSE(parse_retry_after("", kNow));
}

TEST(RetryTest, DisablesWhatIsGoneOrTookNothingAllTheTime) {
  const RetrySchedule schedule = RetrySchedule::standard();
  DeliveryRow pending;
  pending.created_at = kNow;
  Attempt gone = failure(410);
  gone.fate = Attempt::Fate::Gone;
  EXPECT_EQ(after_attempt(WebhookRow{}, pending, gone, schedule, kNow).disabled_reason, "Gone");
  const WebhookRow failing = after_attempt(WebhookRow{}, pending, failure(), schedule, kNow);
  EXPECT_FALSE(failing.disabled_at);
  EXPECT_EQ(failing.failing_since, kNow);
  DeliveryRow given_up = pending;
  given_up.state = DeliveryState::Failed;
  const Timestamp later = kNow + Duration(3 * 86'400'000LL);
  EXPECT_EQ(after_attempt(failing, given_up, failure(), schedule, later).disabled_reason,
            "KeepsFailing");
  // Something else got through since: it is this one that the endpoint does not take.
  WebhookRow mixed = after_attempt(failing, pending, taken(), schedule, kNow + Duration(3'600'000));
  EXPECT_FALSE(mixed.failing_since);
  mixed = after_attempt(mixed, given_up, failure(), schedule, later);
  EXPECT_FALSE(mixed.disabled_at);
}

}  // namespace
}  // namespace croft::notify
