#include "tests/support/faulty_store.hpp"

#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/store/sqlite.hpp"
#include "tests/support/run_task.hpp"

namespace croft {

namespace {

Task<> put_three_tokens(Store& store) {
  for (const char* id : {"k1", "k2", "k3"}) {
    Transaction transaction;
    transaction.add(PutToken{{.id = id}});
    (void)co_await store.commit(std::move(transaction));
  }
}

class FaultyStoreTest : public testing::Test {
 protected:
  std::size_t tokens() { return run_task(io_, real_->tokens()).value().size(); }
  void run(FaultyStore& store) {
    spawn(io_.get_executor(), put_three_tokens(store), "tokens");
    io_.restart();
    io_.run();
  }

  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-store-").value();
  asio::io_context io_;
  std::unique_ptr<Store> real_ = open_sqlite_store(directory_.path()).value();
};

TEST_F(FaultyStoreTest, PassesEverythingThroughWithoutOrders) {
  FaultyStore store(*real_);
  int watched = 0;
  store.on_commit([&watched](int n, const Transaction& transaction) {
    EXPECT_EQ(n, ++watched);
    EXPECT_EQ(transaction.writes.size(), 1U);
  });
  run(store);
  EXPECT_EQ(store.commits(), 3);
  EXPECT_EQ(watched, 3);
  EXPECT_EQ(tokens(), 3U);
}

TEST_F(FaultyStoreTest, FailsTheCommitItWasToldTo) {
  FaultyStore store(*real_);
  store.fail_commit(2, Error(ErrorCode::Unavailable, "the disk is full"));
  run(store);
  EXPECT_EQ(store.commits(), 3);
  EXPECT_EQ(tokens(), 2U);
}

struct Died {};

TEST_F(FaultyStoreTest, DiesBeforeACommit) {
  FaultyStore store(*real_);
  store.kill_at(2, KillPoint::Before, [] { throw Died(); });
  EXPECT_THROW(run(store), Died);
  EXPECT_EQ(tokens(), 1U);
}

TEST_F(FaultyStoreTest, DiesAfterACommit) {
  FaultyStore store(*real_);
  store.kill_at(2, KillPoint::After, [] { throw Died(); });
  EXPECT_THROW(run(store), Died);
  EXPECT_EQ(tokens(), 2U);
}

}  // namespace

}  // namespace croft
