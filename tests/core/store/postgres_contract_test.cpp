#include "core/base/files.hpp"
#include "core/store/postgres.hpp"
#include "tests/contract/store_contract.hpp"
#include "tests/support/postgres_server.hpp"

namespace croft {

namespace {

class PostgresHome final : public StoreHome {
 public:
  Result<std::unique_ptr<Store>> open(StoreBounds bounds) override {
    return open_postgres_store(
        directory_.path(),
        {.url = url_, .event_limit = bounds.events, .intent_limit = bounds.intents});
  }

 private:
  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-store-").value();
  std::string url_ = PostgresServer::shared().url(PostgresServer::shared().make_database());
};

StoreEngine postgres_engine() {
  return {.name = "Postgres", .make_home = [] { return std::make_unique<PostgresHome>(); }};
}

INSTANTIATE_TEST_SUITE_P(PostgresEngine, StoreContract, testing::Values(postgres_engine()),
                         engine_name);

}  // namespace

}  // namespace croft
