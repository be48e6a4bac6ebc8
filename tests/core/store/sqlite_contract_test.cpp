#include "core/base/files.hpp"
#include "core/store/sqlite.hpp"
#include "tests/contract/store_contract.hpp"

namespace croft {

namespace {

class SqliteHome final : public StoreHome {
 public:
  Result<std::unique_ptr<Store>> open(StoreHistory history) override {
    return open_sqlite_store(directory_.path(), {.history = history});
  }

 private:
  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-store-").value();
};

StoreEngine sqlite_engine() {
  return {.name = "Sqlite", .make_home = [] { return std::make_unique<SqliteHome>(); }};
}

INSTANTIATE_TEST_SUITE_P(Engine, StoreContract, testing::Values(sqlite_engine()), engine_name);

}  // namespace

}  // namespace croft
