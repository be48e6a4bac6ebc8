#include "core/base/files.hpp"
#include "core/store/postgres.hpp"
#include "tests/contract/store_contract.hpp"
#include "tests/support/pgbouncer.hpp"
#include "tests/support/postgres_server.hpp"

namespace croft {

namespace {

class PostgresHome final : public StoreHome {
 public:
  explicit PostgresHome(std::string url) : url_(std::move(url)) {}

  Result<std::unique_ptr<Store>> open(StoreHistory history) override {
    return open_postgres_store(directory_.path(), {.url = url_, .history = history});
  }

 private:
  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-store-").value();
  std::string url_;
};

StoreEngine postgres_engine() {
  const auto make = [] {
    PostgresServer& server = PostgresServer::shared();
    return std::make_unique<PostgresHome>(server.url(server.make_database()));
  };
  return {.name = "Postgres", .make_home = make};
}

/// Through a pool of transactions.
StoreEngine pooled_engine() {
  const auto make = [] {
    return std::make_unique<PostgresHome>(
        PgBouncer::shared().url(PostgresServer::shared().make_database()));
  };
  return {.name = "PgBouncer", .make_home = make};
}

INSTANTIATE_TEST_SUITE_P(PostgresEngine, StoreContract,
                         testing::Values(postgres_engine(), pooled_engine()), engine_name);

}  // namespace

}  // namespace croft
