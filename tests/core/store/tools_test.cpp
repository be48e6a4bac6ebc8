#include <algorithm>
#include <fcntl.h>
#include <unistd.h>

#include "core/store/postgres.hpp"
#include "core/store/sql/migrations.hpp"
#include "core/store/tools/check.hpp"
#include "core/store/tools/migrate.hpp"
#include "core/store/tools/status.hpp"
#include "tests/core/store/tools_fixture.hpp"

namespace croft::store_tools {

namespace {

std::string database_of(const Place& place) { return place.url.substr(place.url.rfind('/') + 1); }

class ToolsTest : public testing::TestWithParam<Engine> {
 protected:
  /// What `store check` says after an edit by hand.
  std::vector<std::string> said_of(const std::string& edit) {
    const Place place = home_.filled(GetParam());
    home_.edit(place, edit);
    const auto report = check_store(place);
    EXPECT_TRUE(report.has_value()) << (report ? "" : report.error().describe());
    std::vector<std::string> said;
    if (!report) return said;
    for (const Problem& problem : report->problems) said.push_back(to_string(problem));
    EXPECT_EQ(report->problem_count, static_cast<std::int64_t>(said.size()));
    return said;
  }

  ToolsHome home_;
};
using Said = std::vector<std::string>;

// status

TEST_P(ToolsTest, StatusTellsWhoWritesWhileADaemonRuns) {
  const Place place = home_.filled(GetParam());
  {
    const auto daemon = home_.open(place).value();
    const auto status = read_status(place);
    ASSERT_TRUE(status.has_value()) << status.error().describe();
    EXPECT_NE(status->writer.find(fmt::format("pid {}", ::getpid())), std::string::npos);
    EXPECT_EQ(status->last_seen.has_value(), place.is_postgres());
    EXPECT_EQ(status->schema, known_version());
    EXPECT_EQ(status->known_schema, known_version());
    EXPECT_GT(status->size.count, 2 << 20) << "there are megabytes in it";
    EXPECT_TRUE(status->takes_writes);
    EXPECT_TRUE(status->is_usable());
    EXPECT_NE(
        std::ranges::find(status->rows, std::pair<std::string, std::int64_t>("resources", 120)),
        status->rows.end());
  }
  const auto status = read_status(place);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->writer, "") << "it has ended and let go";
}

TEST_P(ToolsTest, StatusOfNoStoreIsNotFound) {
  const auto status = read_status(home_.place(GetParam()));
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code(), ErrorCode::NotFound) << status.error().describe();
}

TEST_P(ToolsTest, StatusTellsOfANewerSchema) {
  const Place place = home_.filled(GetParam());
  home_.edit(place, "INSERT INTO schema_migrations VALUES (99, 'the future'); DROP TABLE tokens");
  const auto status = read_status(place);
  ASSERT_TRUE(status.has_value()) << status.error().describe();
  EXPECT_EQ(status->schema, 99);
  EXPECT_FALSE(status->is_usable());
}

TEST(PostgresStatusTest, TellsOfAServerThatTakesNoWritesOrIsNotThere) {
  ToolsHome home;
  const Place place = home.filled(Engine::Postgres);
  ToolsHome::server().sql(
      "postgres",
      fmt::format("ALTER DATABASE {} SET default_transaction_read_only = on", database_of(place)));
  const auto status = read_status(place);
  ASSERT_TRUE(status.has_value()) << status.error().describe();
  EXPECT_FALSE(status->takes_writes);
  EXPECT_FALSE(status->is_usable());
  const Place nowhere = parse_place("postgres://croft:topsecret@127.0.0.1:1/croft").value();
  const auto missing = read_status(nowhere);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code(), ErrorCode::Unavailable);
  EXPECT_EQ(missing.error().describe().find("topsecret"), std::string::npos);
}

TEST(SqliteStatusTest, LeavesTheTraceOfAKilledDaemon) {
  ToolsHome home;
  const Place place = home.filled(Engine::Sqlite);
  ASSERT_TRUE(write_file_atomic(place.directory / "croft.lock", "99999999            \n", 0600)
                  .has_value());
  EXPECT_EQ(read_status(place)->writer, "") << "nobody holds the lock";
  EXPECT_TRUE(DirectoryLock::take(place.directory)->was_left_behind())
      << "the next daemon must know, and check its file";
}

// check

TEST_P(ToolsTest, CheckFindsNothingWhereNothingIsWrong) { EXPECT_EQ(said_of("SELECT 1"), Said{}); }

TEST_P(ToolsTest, CheckWorksWhileADaemonRuns) {
  const Place place = home_.filled(GetParam());
  const auto daemon = home_.open(place).value();
  EXPECT_EQ(home_.sums(place).size(), sql::tables().size());
}

TEST_P(ToolsTest, CheckNamesRowsThatCannotBeRead) {
  EXPECT_EQ(said_of("UPDATE resources SET state = 'Lost' WHERE uid = 'u3'"),
            Said{"resources u3: a stored row cannot be read: unknown word 'Lost'"});
  EXPECT_EQ(said_of("UPDATE intents SET state = 'Over' WHERE id = 'i2'"),
            Said{"intents i2: a stored row cannot be read: unknown word 'Over'"})
      << "finished ones are read too";
  EXPECT_EQ(
      said_of("UPDATE directives SET verb = 'burn'"),
      Said{"directives alice/Site/site1/burn: a stored row cannot be read: unknown word 'burn'"});
  EXPECT_EQ(said_of("UPDATE events SET severity = 'Loud' WHERE sequence = 1"),
            Said{"events 1: a stored row cannot be read: unknown word 'Loud'"});
  EXPECT_EQ(said_of("UPDATE sources SET conditions = '{}'"),
            Said{"sources alice/main: a stored row cannot be read: conditions are no list"});
  const Said documents = said_of("UPDATE usage_facts SET dimensions = '{' WHERE id = 'f1'");
  ASSERT_EQ(documents.size(), 1U);
  EXPECT_TRUE(documents[0].starts_with("usage_facts f1: a stored row cannot be read: not JSON"));
}

TEST_P(ToolsTest, CheckFindsNumbersThatWouldBeGivenTwice) {
  EXPECT_EQ(said_of("UPDATE counters SET value = 6 WHERE name = 'tenant_number'"),
            Said{"counters tenant_number: it is at 6, but 7 was given already"});
  EXPECT_EQ(said_of("DELETE FROM counters WHERE name = 'event'"),
            Said{"counters event: it is missing"});
}

TEST_P(ToolsTest, CheckCountsWhatItDoesNotList) {
  const Place place = home_.filled(GetParam());
  home_.edit(place, "UPDATE resources SET state = 'Lost'");
  const auto report = check_store(place).value();
  EXPECT_EQ(report.problem_count, 120);
  EXPECT_EQ(report.problems.size(), 100U);
}

TEST(SqliteCheckTest, FindsWhatOnlySqliteLetsIn) {
  ToolsHome home;
  const auto said = [&home](const std::string& edit) {
    const Place place = home.filled(Engine::Sqlite);
    home.edit(place, edit);
    const auto report = check_store(place).value();
    return report.problems.empty() ? "" : to_string(report.problems.front());
  };
  EXPECT_EQ(said("UPDATE tokens SET created_at = 'noon'"),
            "tokens k1: created_at is no whole number");
  EXPECT_EQ(said("UPDATE tokens SET name = CAST(x'ff' AS TEXT)"),
            "tokens k1: name is not valid UTF-8 text");
  EXPECT_EQ(said("UPDATE tokens SET name = CAST(x'610062' AS TEXT)"),
            "tokens k1: name is not valid UTF-8 text");
}

/// Rubbish over some pages in the middle of a closed file.
void damage(const Place& place) {
  const UniqueFd file(::open(place.file().c_str(), O_RDWR));
  const std::string rubbish(4096, '\x5A');
  for (off_t page = 4; page < 12; ++page)
    EXPECT_EQ(::pwrite(file.get(), rubbish.data(), rubbish.size(), page * 4096), 4096);
}

TEST(SqliteCheckTest, FindsADamagedFile) {
  ToolsHome home;
  const Place place = home.filled(Engine::Sqlite);
  damage(place);
  const auto report = check_store(place);
  ASSERT_TRUE(report.has_value()) << report.error().describe();
  EXPECT_GT(report->problem_count, 0);
  EXPECT_EQ(report->problems.front().table, "") << "it is the file that is damaged";
}

TEST(SqliteCheckTest, IsMadeBeforeAFileOfAKilledDaemonIsTaken) {
  ToolsHome home;
  const Place place = home.filled(Engine::Sqlite);
  damage(place);
  EXPECT_TRUE(Held::take(place).has_value()) << "its daemon ended as it should";
  ASSERT_TRUE(write_file_atomic(place.directory / "croft.lock", "99999999            \n", 0600)
                  .has_value());
  const auto taken = Held::take(place);
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().code(), ErrorCode::Internal) << taken.error().describe();
}

TEST(PostgresSessionTest, HandsRowsOverAsTheyComeAndStopsWhereItIsTold) {
  ToolsHome home;
  const auto session = home.open_to_edit(home.place(Engine::Postgres));
  int rows = 0;
  const auto stop = [&rows](const sql::Row&) -> Result<void> {
    if (++rows < 10) return {};
    return fail(ErrorCode::Cancelled, "enough");
  };
  const auto done = session->query("SELECT generate_series(1, 1000000000)", {}, stop);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().message(), "enough");
  EXPECT_EQ(rows, 10);
  EXPECT_TRUE(session->execute("SELECT 1", {}).has_value()) << "it can be used further";
}

// migrate

TEST_P(ToolsTest, MigrateBringsAnEarlierSchemaUpToDate) {
  const Place place = home_.place(GetParam());
  const auto data = read_file(fmt::format("{}/v1.sql", CROFT_STORE_TEST_DATA), 1 << 20).value();
  {
    const auto session = home_.open_to_edit(place);
    ASSERT_TRUE(sql::migrate(*session, sql::migrations().first(1)).has_value());
    ASSERT_TRUE(session->run_script(data).has_value());
  }
  const auto before = home_.sums(place);
  const auto planned = plan_migration(place).value();
  EXPECT_EQ(planned.from, 1);
  EXPECT_EQ(planned.to, known_version());
  EXPECT_EQ(read_status(place)->schema, 1) << "only said, not done";
  EXPECT_TRUE(read_status(place)->is_usable());
  EXPECT_EQ(migrate_store(place)->from, 1);
  EXPECT_EQ(read_status(place)->schema, known_version());
  EXPECT_EQ(home_.sums(place), before);
  EXPECT_EQ(migrate_store(place)->from, known_version())
      << "the second time there is nothing to do";
}

TEST_P(ToolsTest, MigrateIsRefusedUnderADaemon) {
  const Place place = home_.filled(GetParam());
  const auto daemon = home_.open(place).value();
  home_.edit(place,
             fmt::format("DELETE FROM schema_migrations WHERE version = {}", known_version()));
  const auto refused = migrate_store(place);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().describe().find(fmt::format("pid {}", ::getpid())), std::string::npos)
      << refused.error().describe();
  EXPECT_EQ(read_status(place)->schema, known_version() - 1);
}

TEST_P(ToolsTest, MigrateRefusesANewerSchema) {
  const Place place = home_.filled(GetParam());
  home_.edit(place, "INSERT INTO schema_migrations VALUES (99, 'the future')");
  EXPECT_EQ(migrate_store(place).error().code(), ErrorCode::Conflict);
  EXPECT_EQ(plan_migration(place).error().code(), ErrorCode::Conflict);
  EXPECT_EQ(check_store(place).error().code(), ErrorCode::Conflict);
}

INSTANTIATE_TEST_SUITE_P(Engines, ToolsTest, testing::Values(Engine::Sqlite, Engine::Postgres),
                         name_of_param);

}  // namespace

}  // namespace croft::store_tools
