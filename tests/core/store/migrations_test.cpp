#include "core/store/sql/migrations.hpp"

#include <array>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/store/sqlite.hpp"
#include "core/store/sqlite/connection.hpp"
#include "tests/support/run_task.hpp"

namespace croft {

namespace {

using sqlite::Connection;

std::unique_ptr<Connection> connect(const TemporaryDirectory& directory) {
  return std::move(
      Connection::open(directory.path() / "croft.db", Connection::Role::Writer).value());
}

std::int64_t ask(Connection& connection, std::string_view statement) {
  std::int64_t answer = -1;
  const auto read = [&answer](const sql::Row& row) -> Result<void> {
    answer = row.integer(0);
    return {};
  };
  const Result<void> asked = connection.query(statement, {}, read);
  EXPECT_TRUE(asked.has_value()) << asked.error().describe();
  return answer;
}

class MigrationsTest : public testing::Test {
 protected:
  /// A database as the croft of that version left it, with data.
  void make_version(std::size_t version) {
    const auto connection = connect(directory_);
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
  asio::io_context io_;
};

TEST_F(MigrationsTest, AreNumberedFromOneWithoutAGap) {
  std::int64_t expected = 1;
  for (const sql::Migration& step : sql::migrations()) EXPECT_EQ(step.version, expected++);
}

TEST_F(MigrationsTest, BringEveryEarlierVersionWithItsDataToTheLatest) {
  for (std::size_t version = 1; version <= sql::migrations().size(); ++version) {
    SCOPED_TRACE(version);
    directory_ = TemporaryDirectory::make("croft-store-").value();
    ASSERT_NO_FATAL_FAILURE(make_version(version));
    Result<std::unique_ptr<Store>> opened = open_sqlite_store(directory_.path());
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

    Transaction more;
    more.add(PutTenant{{.uid = "t4", .name = "dave"}}).add(AppendEvent{{.subject = "dave"}});
    EXPECT_TRUE(run_task(io_, store.commit(std::move(more))).has_value());
    EXPECT_EQ(rows(store.tenants()).back().number, 4);
    EXPECT_EQ(rows(store.events({})).back().sequence, 8);
  }
}

TEST_F(MigrationsTest, RefuseAStoreOfANewerCroftAndLeaveItAlone) {
  ASSERT_TRUE(open_sqlite_store(directory_.path()).has_value());
  {
    const auto connection = connect(directory_);
    ASSERT_TRUE(connection->run_script("INSERT INTO schema_migrations VALUES (999, 'the future')")
                    .has_value());
  }
  const Result<std::unique_ptr<Store>> opened = open_sqlite_store(directory_.path());
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), ErrorCode::Conflict);
  EXPECT_NE(
      opened.error().describe().find("the store has schema version 999, but this croft knows only"),
      std::string::npos)
      << opened.error().describe();
  EXPECT_EQ(ask(*connect(directory_), "SELECT COUNT(*) FROM schema_migrations"),
            static_cast<std::int64_t>(sql::migrations().size()) + 1);
}

constexpr sql::Migration kFirst{
    1, "first", "CREATE TABLE things (name TEXT NOT NULL); INSERT INTO things VALUES ('a')"};
constexpr sql::Migration kSecond{
    2, "second", "ALTER TABLE things ADD COLUMN size BIGINT; UPDATE things SET size = 7"};
constexpr sql::Migration kBroken{
    2, "broken", "ALTER TABLE things ADD COLUMN size BIGINT; UPDATE no_such_table SET a = 1"};

TEST_F(MigrationsTest, RunOnlyTheStepsThatAreMissing) {
  const auto connection = connect(directory_);
  ASSERT_TRUE(sql::migrate(*connection, std::array{kFirst}).has_value());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(sql::migrate(*connection, std::array{kFirst, kSecond}).has_value());
    EXPECT_EQ(ask(*connection, "SELECT MAX(version) FROM schema_migrations"), 2);
    EXPECT_EQ(ask(*connection, "SELECT SUM(size) FROM things"), 7);
  }
}

TEST_F(MigrationsTest, LeaveTheVersionBeforeWholeIfAStepFails) {
  const auto connection = connect(directory_);
  ASSERT_TRUE(sql::migrate(*connection, std::array{kFirst}).has_value());
  const Result<void> failed = sql::migrate(*connection, std::array{kFirst, kBroken});
  ASSERT_FALSE(failed.has_value());
  EXPECT_NE(failed.error().describe().find("migrating the store to version 2 (broken)"),
            std::string::npos);
  EXPECT_EQ(ask(*connection, "SELECT MAX(version) FROM schema_migrations"), 1);
  EXPECT_EQ(ask(*connection, "SELECT COUNT(*) FROM pragma_table_info('things')"), 1);
  ASSERT_TRUE(sql::migrate(*connection, std::array{kFirst, kSecond}).has_value());
  EXPECT_EQ(ask(*connection, "SELECT SUM(size) FROM things"), 7);
}

}  // namespace

}  // namespace croft
