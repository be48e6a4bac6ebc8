#include "core/store/sql/migrations.hpp"

#include <array>
#include <atomic>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/store/open.hpp"
#include "core/store/postgres/session.hpp"
#include "core/store/sqlite/connection.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/run_task.hpp"

namespace croft {

namespace {

std::int64_t ask(sql::Session& session, std::string_view statement) {
  std::int64_t answer = -1;
  const auto read = [&answer](const sql::Row& row) -> Result<void> {
    answer = row.integer(0);
    return {};
  };
  const Result<void> asked = session.query(statement, {}, read);
  EXPECT_TRUE(asked.has_value()) << asked.error().describe();
  return answer;
}

/// On either engine.
class MigrationsTest : public testing::TestWithParam<sql::Dialect> {
 protected:
  /// A directory, and a database for it, that nobody used before.
  void begin_anew() {
    directory_ = TemporaryDirectory::make("croft-store-").value();
    if (GetParam() == sql::Dialect::Postgres)
      url_ = PostgresServer::shared().url(PostgresServer::shared().make_database());
  }
  void SetUp() override { begin_anew(); }

  std::unique_ptr<sql::Session> connect() {
    if (GetParam() == sql::Dialect::Sqlite) {
      return std::move(
          sqlite::Connection::open(directory_.path() / "croft.db", sqlite::Connection::Role::Writer)
              .value());
    }
    return std::move(postgres::BlockingSession::open(postgres::parse_target(url_).value()).value());
  }
  Result<std::unique_ptr<Store>> open() { return open_store(directory_.path(), url_); }

  /// A database as the croft of that version left it, with data.
  void make_version(std::size_t version) {
    const auto connection = connect();
    ASSERT_TRUE(sql::migrate(*connection, sql::migrations().first(version)).has_value());
    const std::string path = fmt::format("{}/v{}.sql", CROFT_STORE_TEST_DATA, version);
    const Result<std::string> data = read_file(path, 1 << 20);
    ASSERT_TRUE(data.has_value()) << "every version needs rows to migrate: " << path;
    const Result<void> filled = connection->run_script(*data);
    ASSERT_TRUE(filled.has_value()) << filled.error().describe();
  }

  template <typename Rows>
  Rows rows(Task<Result<Rows>> read) {
    Result<Rows> result = run_task(io_, std::move(read));
    EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().describe());
    return result ? std::move(*result) : Rows{};
  }

  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-store-").value();
  std::string url_;
  asio::io_context io_;
};

INSTANTIATE_TEST_SUITE_P(Engine, MigrationsTest,
                         testing::Values(sql::Dialect::Sqlite, sql::Dialect::Postgres),
                         [](const auto& chosen) {
                           return chosen.param == sql::Dialect::Sqlite ? "Sqlite" : "Postgres";
                         });

TEST_P(MigrationsTest, AreNumberedFromOneWithoutAGap) {
  std::int64_t expected = 1;
  for (const sql::Migration& step : sql::migrations()) EXPECT_EQ(step.version, expected++);
}

TEST_P(MigrationsTest, BringEveryEarlierVersionWithItsDataToTheLatest) {
  for (std::size_t version = 1; version <= sql::migrations().size(); ++version) {
    SCOPED_TRACE(version);
    begin_anew();
    ASSERT_NO_FATAL_FAILURE(make_version(version));
    Result<std::unique_ptr<Store>> opened = open();
    ASSERT_TRUE(opened.has_value()) << opened.error().describe();
    Store& store = **opened;

    const std::vector<TenantRow> tenants = rows(store.tenants());
    ASSERT_EQ(tenants.size(), 2U);
    EXPECT_EQ(tenants[1].name, "carol");
    EXPECT_EQ(tenants[1].number, 3);
    EXPECT_EQ(rows(store.sources()).at(0).conditions.at(0).reason, "Unreachable");
    const std::vector<ResourceRow> resources = rows(store.resources("alice"));
    ASSERT_EQ(resources.size(), 2U);
    EXPECT_EQ(resources[0].state, InventoryState::Retained);
    EXPECT_EQ(resources[1].applied->integer_or("retain", 0), 5);
    EXPECT_EQ(rows(store.open_intents()).size(), 1U);
    EXPECT_EQ(rows(store.directives()).at(0).verb, DirectiveVerb::Stop);
    EXPECT_EQ(rows(store.events({})).at(0).sequence, 7);
    EXPECT_EQ(rows(store.usage("t1", Timestamp{}, Timestamp::max())).size(), 2U);
    EXPECT_EQ(rows(store.open_usage()).at(0).id, "f2");
    EXPECT_EQ(rows(store.tokens()).at(0).hash, "9f86d081");
    EXPECT_EQ(rows(store.acknowledgements()).at(0).digest, "7c1e");

    const bool has_outbox = version >= 3;
    EXPECT_EQ(rows(store.notifications({})).size(), has_outbox ? 2U : 0U);
    EXPECT_EQ(rows(store.webhooks()).size(), has_outbox ? 2U : 0U);
    if (has_outbox) {
      EXPECT_EQ(rows(store.webhooks()).at(1).disabled_reason, "Gone");
      EXPECT_EQ(rows(store.delivery("d1")).at(0).status, 503);
    }

    Transaction more;
    more.add(AppendNotification{{.id = "next", .type = "croft.resource.ready"}});
    more.add(PutTenant{{.uid = "t4", .name = "dave"}}).add(AppendEvent{{.subject = "dave"}});
    EXPECT_TRUE(run_task(io_, store.commit(std::move(more))).has_value());
    EXPECT_EQ(rows(store.tenants()).back().number, 4);
    EXPECT_EQ(rows(store.events({})).back().sequence, 8);
    EXPECT_EQ(rows(store.notifications({})).back().sequence, has_outbox ? 7 : 1);
  }
}

TEST_P(MigrationsTest, RefuseAStoreOfANewerCroftAndLeaveItAlone) {
  ASSERT_TRUE(open().has_value());
  {
    const auto connection = connect();
    ASSERT_TRUE(connection->run_script("INSERT INTO schema_migrations VALUES (999, 'the future')")
                    .has_value());
  }
  const Result<std::unique_ptr<Store>> opened = open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), ErrorCode::Conflict);
  EXPECT_NE(
      opened.error().describe().find("the store has schema version 999, but this croft knows only"),
      std::string::npos)
      << opened.error().describe();
  EXPECT_EQ(ask(*connect(), "SELECT COUNT(*) FROM schema_migrations"),
            static_cast<std::int64_t>(sql::migrations().size()) + 1);
}

constexpr sql::Migration kFirst{
    1, "first", "CREATE TABLE things (name TEXT NOT NULL); INSERT INTO things VALUES ('a')"};
constexpr sql::Migration kSecond{
    2, "second", "ALTER TABLE things ADD COLUMN size BIGINT; UPDATE things SET size = 7"};
constexpr sql::Migration kBroken{
    2, "broken", "ALTER TABLE things ADD COLUMN size BIGINT; UPDATE no_such_table SET a = 1"};

TEST_P(MigrationsTest, RunOnlyTheStepsThatAreMissing) {
  const auto connection = connect();
  ASSERT_TRUE(sql::migrate(*connection, std::array{kFirst}).has_value());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(sql::migrate(*connection, std::array{kFirst, kSecond}).has_value());
    EXPECT_EQ(ask(*connection, "SELECT MAX(version) FROM schema_migrations"), 2);
    EXPECT_EQ(ask(*connection, "SELECT SUM(size) FROM things"), 7);
  }
}

TEST_P(MigrationsTest, LeaveTheVersionBeforeWholeIfAStepFails) {
  const auto connection = connect();
  ASSERT_TRUE(sql::migrate(*connection, std::array{kFirst}).has_value());
  const Result<void> failed = sql::migrate(*connection, std::array{kFirst, kBroken});
  ASSERT_FALSE(failed.has_value());
  EXPECT_NE(failed.error().describe().find("migrating the store to version 2 (broken)"),
            std::string::npos);
  EXPECT_EQ(ask(*connection, "SELECT MAX(version) FROM schema_migrations"), 1);
  EXPECT_FALSE(connection->execute("UPDATE things SET size = 1", {}).has_value());
  ASSERT_TRUE(sql::migrate(*connection, std::array{kFirst, kSecond}).has_value());
  EXPECT_EQ(ask(*connection, "SELECT SUM(size) FROM things"), 7);
}

TEST_P(MigrationsTest, TakeEachStepOnceIfSeveralBeginAtATime) {
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      if (!sql::migrate(*connect(), sql::migrations())) ++failed;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(ask(*connect(), "SELECT COUNT(*) FROM schema_migrations"),
            static_cast<std::int64_t>(sql::migrations().size()));
}

}  // namespace

}  // namespace croft
