#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "core/base/files.hpp"
#include "core/store/sqlite.hpp"
#include "tests/core/store/numbered.hpp"
#include "tests/core/store/shadow_disk.hpp"
#include "tests/support/run_task.hpp"

namespace croft {

namespace {

/// Commits numbers first..last, `in_flight` at a time; `acknowledged` is called as each completes
/// well.
class NumberedRun {
 public:
  NumberedRun(asio::io_context& io, Store& store, std::size_t payload,
              std::function<void(int)> acknowledged)
      : io_(io), store_(store), payload_(payload), acknowledged_(std::move(acknowledged)) {}

  void run(int first, int last, int in_flight) {
    next_ = first;
    last_ = last;
    for (int i = 0; i < in_flight; ++i) spawn(io_.get_executor(), commit_some(), "numbered");
    io_.restart();
    io_.run();
  }

 private:
  Task<> commit_some() {
    while (next_ <= last_) {
      const int number = next_++;
      Transaction transaction = numbered_transaction(number, payload_);
      const Result<void> done = co_await store_.commit(std::move(transaction));
      if (done) acknowledged_(number);
    }
  }

  asio::io_context& io_;
  Store& store_;
  std::size_t payload_;
  std::function<void(int)> acknowledged_;
  int next_ = 0;
  int last_ = 0;
};

TEST(DurabilityTest, SharesOneSyncAmongCommitsInFlight) {
  const ShadowDisk disk;
  const TemporaryDirectory directory = TemporaryDirectory::make("croft-store-").value();
  asio::io_context io;
  const std::unique_ptr<Store> store = open_sqlite_store(directory.path()).value();
  int acknowledged = 0;
  NumberedRun run(io, *store, 10, [&](int) { ++acknowledged; });
  const int before = disk.syncs();
  run.run(1, 20, 1);
  const int alone = disk.syncs() - before;
  run.run(21, 1'020, 250);
  const int together = disk.syncs() - before - alone;
  EXPECT_EQ(acknowledged, 1'020);
  EXPECT_GE(alone, 20);
  EXPECT_LE(together, 100) << "for 1,000 commits";
}

struct Moment {
  std::set<int> acknowledged;
  PowerLoss loss;
};

/// What would be on the disk at some random moments of a run, and what had been acknowledged by
/// then.
std::vector<Moment> moments_of_a_run(int commits, int wanted) {
  ShadowDisk disk;
  const TemporaryDirectory directory = TemporaryDirectory::make("croft-store-").value();
  asio::io_context io;
  std::mutex mutex;
  std::set<int> acknowledged;
  std::vector<Moment> moments;
  std::minstd_rand random(7);
  const std::unique_ptr<Store> store = open_sqlite_store(directory.path()).value();
  const int sparsity =
      commits * 24 / wanted;  // a commit of this size makes some 24 writes and syncs
  disk.on_operation([&](int) {
    if (random() % static_cast<unsigned>(sparsity) != 0) return SQLITE_OK;
    const std::scoped_lock lock(mutex);
    moments.push_back({acknowledged, disk.power_loss()});
    return SQLITE_OK;
  });
  // Large enough that the log is moved into the database file (a checkpoint) every hundred commits
  // or so.
  NumberedRun run(io, *store, 30'000, [&](int number) {
    const std::scoped_lock lock(mutex);
    acknowledged.insert(number);
  });
  run.run(1, commits, 4);
  EXPECT_EQ(acknowledged.size(), static_cast<std::size_t>(commits));
  moments.push_back({acknowledged, disk.power_loss()});
  return moments;
}

void expect_all_acknowledged(const Moment& moment, const std::function<bool()>& keeps_current) {
  const TemporaryDirectory directory = TemporaryDirectory::make("croft-store-").value();
  moment.loss.restore(directory.path(), keeps_current);
  asio::io_context io;
  const Result<std::unique_ptr<Store>> store = open_sqlite_store(directory.path());
  ASSERT_TRUE(store.has_value()) << store.error().describe();
  const NumberedContent content = read_numbered(io, **store);
  EXPECT_TRUE(content.complaints.empty()) << content.complaints.front();
  EXPECT_TRUE(std::ranges::includes(content.whole, moment.acknowledged));
}

TEST(DurabilityTest, KeepsEveryAcknowledgedCommitOverAPowerLoss) {
  const bool is_soak = std::getenv("CROFT_SOAK") != nullptr;
  const std::vector<Moment> moments = moments_of_a_run(is_soak ? 2'000 : 400, is_soak ? 200 : 25);
  std::minstd_rand random(11);
  std::size_t losses = 0;
  for (const Moment& moment : moments) {
    expect_all_acknowledged(moment, [] { return false; });
    expect_all_acknowledged(moment, [] { return true; });
    expect_all_acknowledged(moment, [&random] { return random() % 2 == 0; });
    losses += 3;
  }
  std::printf("power losses: %zu at %zu moments\n", losses, moments.size());
  EXPECT_GE(moments.size(), 10U);
}

/// Runs with the n-th write or sync failing. False once n is past the last operation.
bool survives_failure_of(int n, int code) {
  SCOPED_TRACE(fmt::format("operation {} fails with {}", n, code));
  ShadowDisk disk;
  disk.on_operation([n, code](int number) { return number == n ? code : SQLITE_OK; });
  const TemporaryDirectory directory = TemporaryDirectory::make("croft-store-").value();
  asio::io_context io;
  std::set<int> acknowledged;
  Result<std::unique_ptr<Store>> store = open_sqlite_store(directory.path());
  if (!store) {
    EXPECT_EQ(store.error().code(), ErrorCode::Unavailable) << store.error().describe();
    store = open_sqlite_store(directory.path());
  }
  EXPECT_TRUE(store.has_value()) << store.error().describe();
  if (!store) return false;
  NumberedRun run(io, **store, 10, [&](int number) { acknowledged.insert(number); });
  run.run(1, 6, 1);
  EXPECT_GE(acknowledged.size(), 5U);
  const NumberedContent running = read_numbered(io, **store);
  EXPECT_TRUE(running.complaints.empty()) << running.complaints.front();
  EXPECT_EQ(running.whole, acknowledged);
  const PowerLoss killed = disk.power_loss();
  expect_all_acknowledged({acknowledged, killed}, [] { return true; });
  expect_all_acknowledged({acknowledged, killed}, [] { return false; });
  return disk.operations() >= n;
}

TEST(DurabilityTest, GoesOnAfterAnyOneWriteOrSyncFails) {
  // Each operation fails in one of the ways here, and in every way in a soak.
  const std::array codes{SQLITE_FULL, SQLITE_IOERR_WRITE, SQLITE_IOERR_FSYNC};
  const bool is_soak = std::getenv("CROFT_SOAK") != nullptr;
  int failures = 0;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    int n = is_soak ? 1 : static_cast<int>(i) + 1;
    while (survives_failure_of(n, codes[i]) && !testing::Test::HasFailure()) {
      n += is_soak ? 1 : 3;
      ++failures;
    }
  }
  std::printf("failed operations: %d\n", failures);
  EXPECT_GE(failures, 60);
}

}  // namespace

}  // namespace croft
