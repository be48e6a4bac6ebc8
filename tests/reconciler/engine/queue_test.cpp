#include "reconciler/engine/queue.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "core/base/metric_families.hpp"

namespace croft {
namespace {

/// Runs the context until a condition holds, at most some seconds.
template <typename Condition>
bool run_until(asio::io_context& io, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition() && std::chrono::steady_clock::now() < end) {
    io.restart();
    io.run_one_for(std::chrono::milliseconds(50));
  }
  return condition();
}

struct QueueTest : testing::Test {
  asio::io_context io;
  SystemRandom random;
  std::vector<std::string> worked;
};

TEST_F(QueueTest, AKeyAddedTwiceIsWorkedOnOnce) {
  Queue queue(io.get_executor(), random, 4, [&](std::string key) -> Task<Outcome> {
    worked.push_back(key);
    co_return Done{};
  });
  queue.add("a");
  queue.add("a");
  queue.add("b");
  ASSERT_TRUE(run_until(io, [&] { return queue.is_idle() && worked.size() >= 2; }));
  std::sort(worked.begin(), worked.end());
  // The first add may start at once; the second then asks for one more run, never two at a time.
  EXPECT_LE(std::count(worked.begin(), worked.end(), "a"), 2);
  EXPECT_EQ(std::count(worked.begin(), worked.end(), "b"), 1);
}

TEST_F(QueueTest, NeverRunsOneKeyTwiceAtOnceAndRunsAgainWhenAddedMeanwhile) {
  int running = 0;
  int most = 0;
  Queue* self = nullptr;
  Queue queue(io.get_executor(), random, 4, [&](std::string key) -> Task<Outcome> {
    most = std::max(most, ++running);
    worked.push_back(key);
    if (worked.size() < 5) self->add(key);
    co_await sleep_for(Duration(1));
    --running;
    co_return Done{};
  });
  self = &queue;
  queue.add("a");
  ASSERT_TRUE(run_until(io, [&] { return worked.size() == 5 && queue.is_idle(); }));
  EXPECT_EQ(most, 1);
}

TEST_F(QueueTest, OneSlowKeyHoldsUpNobodyElse) {
  Signal release(io.get_executor());
  Queue queue(io.get_executor(), random, 2, [&](std::string key) -> Task<Outcome> {
    if (key == "slow") co_await release.wait(Duration(10'000));
    worked.push_back(key);
    co_return Done{};
  });
  queue.add("slow");
  for (int i = 0; i < 20; ++i) queue.add("key" + std::to_string(i));
  ASSERT_TRUE(run_until(io, [&] { return worked.size() == 20; }));
  EXPECT_EQ(std::count(worked.begin(), worked.end(), "slow"), 0);
  release.notify();
  ASSERT_TRUE(run_until(io, [&] { return worked.size() == 21; }));
}

TEST_F(QueueTest, AfterRunsTheKeyAgainByItself) {
  Queue queue(io.get_executor(), random, 1, [&](std::string key) -> Task<Outcome> {
    worked.push_back(key);
    if (worked.size() < 3) co_return After{Duration(1)};
    co_return Done{};
  });
  queue.add("a");
  ASSERT_TRUE(run_until(io, [&] { return worked.size() == 3; }));
}

TEST_F(QueueTest, TerminalWaitsUntilAskedAgain) {
  Queue queue(io.get_executor(), random, 1, [&](std::string key) -> Task<Outcome> {
    worked.push_back(key);
    co_return Terminal{Error(ErrorCode::Invalid, "no")};
  });
  queue.add("a");
  ASSERT_TRUE(run_until(io, [&] { return queue.is_idle() && worked.size() == 1; }));
  queue.add("a");
  ASSERT_TRUE(run_until(io, [&] { return worked.size() == 2; }));
}

TEST_F(QueueTest, AnExceptionIsRetriedAndNotFatal) {
  Queue queue(io.get_executor(), random, 1, [&](std::string key) -> Task<Outcome> {
    worked.push_back(key);
    if (worked.size() == 1) throw std::runtime_error("a bug");
    co_return Done{};
  });
  queue.add("a");
  ASSERT_TRUE(run_until(io, [&] { return worked.size() == 2; }));
}

TEST_F(QueueTest, CountsItsPassesByOutcomeAndSaysHowItFares) {
  bool is_held = true;
  Queue queue(io.get_executor(), random, 1, [&](std::string key) -> Task<Outcome> {
    while (is_held) co_await sleep_for(Duration(1));
    worked.push_back(key);
    if (key == "bad") co_return Terminal{Error(ErrorCode::Invalid, "no")};
    co_return Done{};
  });
  queue.measure_as("queue_test");
  queue.add("first");
  queue.add("bad");
  queue.add("last");
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(run_until(io, [&] {
    return std::chrono::steady_clock::now() - begun > std::chrono::milliseconds(30);
  }));
  const QueueVitals busy = queue.vitals();
  EXPECT_EQ(busy.name, "queue_test");
  EXPECT_EQ(busy.running, 1);
  EXPECT_EQ(busy.waiting, 2U);
  EXPECT_GE(busy.oldest, Duration(30));
  is_held = false;
  ASSERT_TRUE(run_until(io, [&] { return queue.is_idle(); }));
  EXPECT_EQ(queue.vitals().oldest, Duration(0));
  metrics::Registry& counted = metrics::registry();
  EXPECT_EQ(counted.counter(metrics::kReconciles, {"queue_test", "done"}).value(), 2U);
  EXPECT_EQ(counted.counter(metrics::kReconciles, {"queue_test", "terminal"}).value(), 1U);
  EXPECT_EQ(counted.counter(metrics::kReconciles, {"queue_test", "retry"}).value(), 0U);
  const metrics::Distribution waits =
      counted.histogram(metrics::kQueueWaitSeconds, {"queue_test"}).value();
  EXPECT_EQ(waits.count(), 3U);
  EXPECT_GE(waits.sum, 0.06);
}

TEST(QueueBackoffTest, DoublesUpToFiveMinutesWithJitterBelow) {
  EXPECT_EQ(Queue::backoff(1, 0), Duration(1'000));
  EXPECT_EQ(Queue::backoff(2, 0), Duration(2'000));
  EXPECT_EQ(Queue::backoff(40, 0), Duration(300'000));
  for (int jitter = 0; jitter < 256; ++jitter) {
    const Duration delay = Queue::backoff(3, static_cast<std::uint8_t>(jitter));
    EXPECT_LE(delay, Duration(4'000));
    EXPECT_GE(delay, Duration(3'000));
  }
}

}  // namespace
}  // namespace croft
