#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/async.hpp"
#include "core/store/history.hpp"
#include "core/store/store.hpp"
#include "tests/support/run_task.hpp"

// What every engine of the Store port must do. An engine's tests list store_contract.cpp among
// their sources and instantiate the suite: INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContract,
// testing::Values(engine), engine_name).

namespace croft {

/// The place where one test's data lies; empty when made, gone when destroyed.
class StoreHome {
 public:
  virtual ~StoreHome() = default;
  /// Opens the store on this data, as a starting daemon does. At most one is open at a time.
  virtual Result<std::unique_ptr<Store>> open(StoreHistory history) = 0;
};

struct StoreEngine {
  std::string name;
  std::function<std::unique_ptr<StoreHome>()> make_home;
};

inline void PrintTo(const StoreEngine& engine, std::ostream* out) { *out << engine.name; }
inline std::string engine_name(const testing::TestParamInfo<StoreEngine>& info) {
  return info.param.name;
}

class StoreContract : public testing::TestWithParam<StoreEngine> {
 protected:
  void SetUp() override;

  /// Ends the store and opens it anew on the same data.
  void reopen(StoreHistory history = {});
  Store& store() { return *store_; }

  template <typename T>
  T run(Task<T> task) {
    return run_task(io_, std::move(task));
  }
  /// The rows of a read that must succeed.
  template <typename Rows>
  Rows rows(Task<Result<Rows>> read) {
    Result<Rows> result = run(std::move(read));
    EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().describe());
    return result ? std::move(*result) : Rows{};
  }

  template <typename... Writes>
  Result<void> commit(Writes... writes) {
    Transaction transaction;
    (transaction.add(std::move(writes)), ...);
    return run(store_->commit(std::move(transaction)));
  }
  /// Submits all of them before the first can complete; gives their results in the same order.
  std::vector<Result<void>> commit_at_once(std::vector<Transaction> transactions);

 private:
  asio::io_context io_;
  std::unique_ptr<StoreHome> home_;
  std::unique_ptr<Store> store_;
};

}  // namespace croft
