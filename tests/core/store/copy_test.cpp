#include "core/store/tools/copy.hpp"

#include <csignal>
#include <random>
#include <sys/wait.h>
#include <unistd.h>

#include "core/store/tools/status.hpp"
#include "tests/core/store/tools_fixture.hpp"
#include "tests/support/cutting_proxy.hpp"

namespace croft::store_tools {

namespace {

class CopyTest : public testing::Test {
 protected:
  /// Copies; the error's text, or empty.
  static std::string copied(const Place& from, const Place& to) {
    const auto done = copy_store(from, to);
    return done ? "" : done.error().describe();
  }

  /// Hands over so many rows of a filled store, then does something, then the rest.
  RowSource interrupted(const Place& from, int rows, std::function<Result<void>()> act) {
    return [from, rows, act = std::move(act)](const RowTaker& taker) -> Result<void> {
      TRY_ASSIGN(const auto session, open_to_read(from));
      int taken = 0;
      const auto take = [&](const TableRow& row) -> Result<void> {
        if (taken++ == rows) {
          TRY(act());
        }
        return taker(row);
      };
      return read_rows(*session, take);
    };
  }

  ToolsHome home_;
};

TEST_F(CopyTest, GoesToPostgresAndBackUnchanged) {
  const Place first = home_.filled(Engine::Sqlite);
  const Place second = home_.place(Engine::Postgres);
  const Place third = home_.place(Engine::Sqlite);
  const auto before = home_.sums(first);
  for (const TableSum& sum : before) EXPECT_GT(sum.rows, 0) << sum.table << " is not tried";
  EXPECT_EQ(copied(first, second), "");
  EXPECT_EQ(copied(second, third), "");
  EXPECT_EQ(home_.sums(second), before);
  EXPECT_EQ(home_.sums(third), before);
  EXPECT_EQ(home_.sums(first), before) << "the source is left as it is";
}

TEST_F(CopyTest, LeavesAStoreThatADaemonGoesOnWith) {
  for (const Engine engine : {Engine::Postgres, Engine::Sqlite}) {
    SCOPED_TRACE(name_of(engine));
    const Place from = home_.filled(Engine::Sqlite);
    const Place to = home_.place(engine);
    ASSERT_EQ(copied(from, to), "");
    const auto store = home_.open(to);
    ASSERT_TRUE(store.has_value()) << store.error().describe();
    Transaction more;
    more.add(PutTenant{store_rows::tenant("t10", "dave")})
        .add(AppendEvent{store_rows::event("dave", "new")});
    home_.commit(**store, std::move(more));
    EXPECT_EQ(run_task(home_.io(), (*store)->tenants())->back().number, 8) << "7 was given before";
    EXPECT_EQ(run_task(home_.io(), (*store)->events({}))->back().sequence, 4);
    const auto resources = run_task(home_.io(), (*store)->all_resources()).value();
    ASSERT_EQ(resources.size(), 120U);
    std::string kept;
    for (const ResourceRow& row : resources) kept = row.uid == "u7" ? row.message : kept;
    std::string expected = hostile_text();
    expected.replace(expected.find('\xC3'), 1, "\xEF\xBF\xBD");
    EXPECT_TRUE(kept == expected);
  }
}

TEST_F(CopyTest, RefusesATargetWithContent) {
  const Place from = home_.filled(Engine::Sqlite);
  for (const Engine engine : {Engine::Postgres, Engine::Sqlite}) {
    const Place to = home_.filled(engine);
    const auto before = home_.sums(to);
    EXPECT_NE(copied(from, to).find("is not empty: a store is in it"), std::string::npos);
    EXPECT_EQ(home_.sums(to), before);
    const Place used = home_.place(engine);
    ASSERT_TRUE(home_.open(used).has_value());
    EXPECT_EQ(copied(from, used), "") << "opened once, but nothing was ever written";
    const Place counted = home_.place(engine);
    ASSERT_TRUE(home_.open(counted).has_value());
    home_.edit(counted, "UPDATE counters SET value = 3 WHERE name = 'event'");
    EXPECT_NE(copied(from, counted).find("is not empty"), std::string::npos)
        << "numbers that were given once are content";
  }
}

TEST_F(CopyTest, RefusesStoresInUse) {
  for (const Engine engine : {Engine::Postgres, Engine::Sqlite}) {
    SCOPED_TRACE(name_of(engine));
    const std::string who = engine == Engine::Sqlite ? fmt::format("(pid {})", ::getpid())
                                                     : fmt::format("pid {}", ::getpid());
    const Place busy = home_.filled(engine);
    const Place free = home_.place(Engine::Sqlite);
    {
      const auto daemon = home_.open(busy).value();
      EXPECT_NE(copied(busy, free).find(who), std::string::npos) << copied(busy, free);
      EXPECT_TRUE(home_.is_empty(free));
    }
    EXPECT_EQ(copied(busy, free), "");
    const Place target = home_.place(engine);
    {
      const auto daemon = home_.open(target).value();
      EXPECT_NE(copied(free, target).find(who), std::string::npos) << copied(free, target);
    }
    EXPECT_TRUE(home_.is_empty(target));
    EXPECT_EQ(copied(free, target), "");
  }
}

TEST_F(CopyTest, ReadsBackWhatBecameOfACommitThatWasCut) {
  using Direction = CuttingProxy::Direction;
  for (const Direction direction : {Direction::ToServer, Direction::ToClient}) {
    const std::string database = ToolsHome::server().make_database();
    CuttingProxy proxy(ToolsHome::server().port());
    const Place to = parse_place(fmt::format("postgres://croft@127.0.0.1:{}/{}?sslmode=disable",
                                             proxy.port(), database))
                         .value();
    const auto held = Held::take_empty(to).value();
    ASSERT_TRUE(held->begin().has_value());
    ASSERT_TRUE(held->session()
                    .execute("INSERT INTO tenants VALUES ('t1', 'alice', 1, 0, NULL, NULL)", {})
                    .has_value());
    proxy.cut_after(direction, 1);
    const Result<void> committed = held->commit();
    EXPECT_EQ(proxy.cuts(), 1);
    const bool is_there =
        !ToolsHome::server().sql(database, "SELECT 1 FROM tenants WHERE uid = 't1'").empty();
    EXPECT_EQ(committed.has_value(), is_there);
    if (direction == Direction::ToClient) {
      EXPECT_TRUE(is_there) << "the COMMIT arrived; only its answer did not";
    } else {
      ASSERT_FALSE(committed.has_value());
      EXPECT_NE(committed.error().describe().find("nothing was written"), std::string::npos)
          << committed.error().describe();
    }
  }
}

// Whatever a copy says, it is so: cut anywhere, it is all there or nothing.
TEST_F(CopyTest, IsAllThereOrNothingWhereverItIsCut) {
  const Place from = home_.filled(Engine::Sqlite);
  const auto before = home_.sums(from);
  std::mt19937 random(20261128);
  int done = 0;
  constexpr int kCopies = 12;
  for (int i = 0; i < kCopies; ++i) {
    const std::string database = ToolsHome::server().make_database();
    CuttingProxy proxy(ToolsHome::server().port());
    const std::string url =
        fmt::format("postgres://croft@127.0.0.1:{}/{}?sslmode=disable", proxy.port(), database);
    // A copy of this store sends some 5 MiB, and gets as much back.
    proxy.cut_after(
        i % 2 == 0 ? CuttingProxy::Direction::ToServer : CuttingProxy::Direction::ToClient,
        1 + static_cast<std::int64_t>(random() % 8'000'000));
    const std::string said = copied(from, parse_place(url).value());
    const Place to = parse_place(ToolsHome::server().url(database)).value();
    if (said.empty()) {
      EXPECT_EQ(home_.sums(to), before);
      ++done;
    } else {
      EXPECT_TRUE(home_.is_empty(to)) << said;
    }
  }
  EXPECT_LT(done, kCopies) << "none was cut";
}

TEST_F(CopyTest, KeepsDaemonsAwayMeanwhile) {
  for (const Engine engine : {Engine::Postgres, Engine::Sqlite}) {
    SCOPED_TRACE(name_of(engine));
    const Place place = home_.filled(engine);
    {
      const auto held = Held::take(place).value();
      const auto daemon = home_.open(place);
      ASSERT_FALSE(daemon.has_value());
      EXPECT_NE(daemon.error().describe().find(fmt::format("pid {}", ::getpid())),
                std::string::npos)
          << daemon.error().describe();
      if (engine == Engine::Postgres) {
        ASSERT_TRUE(held->begin().has_value());
        const std::string database = place.url.substr(place.url.rfind('/') + 1);
        // However long it takes: the lease's age does not matter.
        EXPECT_THROW(home_.server().sql(database, "SELECT * FROM writer FOR UPDATE NOWAIT"),
                     std::runtime_error);
      }
    }
    EXPECT_TRUE(home_.open(place).has_value()) << "at once, not after the end of a lease";
  }
}

TEST_F(CopyTest, LeavesNothingWhereItFailsHalfWay) {
  const Place from = home_.filled(Engine::Sqlite);
  for (const Engine engine : {Engine::Postgres, Engine::Sqlite}) {
    SCOPED_TRACE(name_of(engine));
    const Place to = home_.place(engine);
    {
      const auto held = Held::take_empty(to).value();
      const auto stop = [] { return Result<void>(fail(ErrorCode::Internal, "stopped")); };
      EXPECT_FALSE(fill_store(*held, interrupted(from, 100, stop)).has_value());
    }
    EXPECT_TRUE(home_.is_empty(to));
    EXPECT_EQ(copied(from, to), "") << "and it can be tried again";
  }
}

TEST_F(CopyTest, NeverLeavesHalfACroftDbWhereItIsKilled) {
  const Place from = home_.filled(Engine::Sqlite);
  const Place to = home_.place(Engine::Sqlite);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto held = Held::take_empty(to).value();
    const auto die = []() -> Result<void> {
      ::kill(::getpid(), SIGKILL);
      return {};
    };
    (void)fill_store(*held, interrupted(from, 100, die));
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_FALSE(std::filesystem::exists(to.file())) << "a daemon would begin with nothing";
  EXPECT_EQ(copied(from, to), "");
  EXPECT_EQ(home_.sums(to), home_.sums(from));
}

TEST_F(CopyTest, LeavesNothingWhereTheServerIsKilled) {
  PostgresServer server;
  const Place to = parse_place(server.url(server.make_database())).value();
  const Place from = home_.filled(Engine::Sqlite);
  {
    const auto held = Held::take_empty(to).value();
    const auto cut = [&server]() -> Result<void> {
      server.stop();
      return {};
    };
    const auto filled = fill_store(*held, interrupted(from, 100, cut));
    ASSERT_FALSE(filled.has_value());
    EXPECT_EQ(filled.error().code(), ErrorCode::Unavailable) << filled.error().describe();
  }
  server.start();
  EXPECT_TRUE(home_.is_empty(to));
}

TEST_F(CopyTest, IsDeniedToAUserWithoutRights) {
  const Place from = home_.filled(Engine::Sqlite);
  const std::string database = home_.server().make_database();
  home_.server().sql(database,
                     "DROP ROLE IF EXISTS weak; CREATE ROLE weak LOGIN; "
                     "REVOKE CREATE ON SCHEMA public FROM PUBLIC");
  std::string url = home_.server().url(database);
  url.replace(url.find("croft@"), 5, "weak");
  const Place to = parse_place(url).value();
  const auto done = copy_store(from, to);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), ErrorCode::Denied) << done.error().describe();
  EXPECT_TRUE(home_.is_empty(to));
}

TEST_F(CopyTest, RefusesATargetThatKeepsSomethingElse) {
  const Place from = home_.filled(Engine::Sqlite);
  const Place to = home_.place(Engine::Postgres);
  ASSERT_TRUE(home_.open(to).has_value());
  home_.edit(to, R"(
    CREATE FUNCTION bend() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.hash = 'bent'; RETURN NEW; END $$;
    CREATE TRIGGER bend BEFORE INSERT ON tokens FOR EACH ROW EXECUTE FUNCTION bend())");
  EXPECT_NE(copied(from, to).find("the table tokens reads back as something else"),
            std::string::npos)
      << copied(from, to);
  EXPECT_TRUE(home_.is_empty(to));
  home_.edit(to, R"(
    CREATE OR REPLACE FUNCTION bend() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$)");
  EXPECT_NE(copied(from, to).find("1 rows were written, 0 are there"), std::string::npos)
      << copied(from, to);
  EXPECT_TRUE(home_.is_empty(to));
}

TEST_F(CopyTest, RefusesASourceThatIsNotSound) {
  const Place to = home_.place(Engine::Postgres);
  const Place from = home_.filled(Engine::Sqlite);
  home_.edit(from, "UPDATE counters SET value = 1 WHERE name = 'event'");
  EXPECT_NE(copied(from, to).find("counters event: it is at 1, but 3 was given already"),
            std::string::npos)
      << copied(from, to);
  home_.edit(from,
             "UPDATE counters SET value = 3 WHERE name = 'event'; "
             "UPDATE resources SET state = 'Lost' WHERE uid = 'u5'");
  EXPECT_NE(copied(from, to).find("resources u5: a stored row cannot be read: unknown word 'Lost'"),
            std::string::npos)
      << copied(from, to);
  EXPECT_TRUE(home_.is_empty(to));
}

TEST_F(CopyTest, RefusesToCopyAStoreToItself) {
  const Place sqlite = home_.filled(Engine::Sqlite);
  EXPECT_NE(copied(sqlite, sqlite), "");
  const Place postgres = home_.filled(Engine::Postgres);
  EXPECT_NE(copied(postgres, postgres).find("croft store, host"), std::string::npos);
}

TEST(PlaceTest, IsWhatAPersonMeans) {
  const TemporaryDirectory directory = TemporaryDirectory::make("croft-place-").value();
  const std::filesystem::path path = directory.path();
  EXPECT_EQ(parse_place(path.string())->directory, path);
  EXPECT_EQ(parse_place((path / "croft.db").string())->directory, path);
  EXPECT_EQ(parse_place((path / "new/croft.db").string())->directory, path / "new");
  EXPECT_TRUE(parse_place("postgres://croft@db/croft")->is_postgres());
  EXPECT_TRUE(parse_place("host=db dbname=croft")->is_postgres());
  EXPECT_TRUE(parse_place("host=/run/postgresql dbname=croft")->is_postgres());
  EXPECT_EQ(parse_place((path / "new").string())->directory, path / "new");
  EXPECT_EQ(parse_place("./a=b")->directory, "./a=b");
  ASSERT_TRUE(write_file_atomic(path / "other.db", "", 0600).has_value());
  EXPECT_EQ(parse_place((path / "other.db").string()).error().code(), ErrorCode::Invalid);
  EXPECT_EQ(parse_place("notes.txt").error().code(), ErrorCode::Invalid);
  EXPECT_EQ(parse_place("mysql://db/croft").error().code(), ErrorCode::Invalid);
}

TEST(PlaceTest, NeverShowsAPassword) {
  for (const char* url :
       {"postgres://croft:hush%40hush@db/croft?sslmode=require",
        "host=db password=hush dbname=croft", "postgres://db/croft?user=croft&password=hush"}) {
    const Place place = parse_place(url).value();
    EXPECT_EQ(place.name.find("hush"), std::string::npos) << place.name;
    EXPECT_EQ(place.setting.find("hush"), std::string::npos) << place.setting;
  }
  EXPECT_EQ(parse_place("postgres://croft@db/croft?sslmode=verify-full")->setting,
            "postgres://croft@db/croft?sslmode=verify-full");
}

}  // namespace

}  // namespace croft::store_tools
