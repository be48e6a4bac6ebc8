#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <sys/mount.h>
#include <thread>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "core/store/open.hpp"
#include "core/store/postgres.hpp"
#include "tests/contract/store_rows.hpp"
#include "tests/support/cutting_proxy.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/run_task.hpp"

// What happens to servers, networks and settings, and what the store makes of it. Every event of
// these tests carries a number of its own, so that a lost and a doubled one are both seen.

namespace croft {

namespace {

using namespace std::chrono_literals;

bool is_soak() { return std::getenv("CROFT_SOAK") != nullptr; }

class PostgresFaultsTest : public testing::Test {
 protected:
  static PostgresServer& server() { return PostgresServer::shared(); }

  PostgresOptions options(const std::string& url) {
    return {.url = url,
            .statement_timeout = Duration(2'000),
            .lock_timeout = Duration(2'000),
            .answer_slack = Duration(1'000),
            .patience = Duration(20'000)};
  }
  std::string proxied(const CuttingProxy& proxy) const {
    return fmt::format("postgres://croft@127.0.0.1:{}/{}?sslmode=disable", proxy.port(), database_);
  }

  Result<std::unique_ptr<Store>> open(PostgresOptions with) {
    return open_postgres_store(directory_.path(), std::move(with));
  }
  Error refusal(PostgresOptions with) {
    Result<std::unique_ptr<Store>> store = open(std::move(with));
    EXPECT_FALSE(store.has_value());
    return store ? Error() : store.error();
  }

  Result<void> append(Store& store, int number) {
    return run_task(io_, store.commit(numbered(number)));
  }
  static Transaction numbered(int number) {
    EventRow event;
    event.tenant = "alice";
    event.subject = "s";
    event.message = std::to_string(number);
    Transaction transaction;
    transaction.add(AppendEvent{std::move(event)});
    transaction.add(PutToken{{.id = fmt::format("k{}", number)}});
    return transaction;
  }
  /// How often each number was written.
  std::map<int, int> written() {
    std::map<int, int> count;
    for (const std::string& line : lines(server().sql(database_, "SELECT message FROM events")))
      ++count[std::stoi(line)];
    return count;
  }
  /// The numbers as they were written.
  std::vector<int> in_order() {
    std::vector<int> numbers;
    for (const std::string& line :
         lines(server().sql(database_, "SELECT message FROM events ORDER BY sequence")))
      numbers.push_back(std::stoi(line));
    return numbers;
  }
  static std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> all;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      all.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return all;
  }
  void expect_each_once(int count) {
    std::map<int, int> expected;
    for (int i = 0; i < count; ++i) expected[i] = 1;
    EXPECT_EQ(written(), expected);
  }

  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-faults-").value();
  std::string database_ = server().make_database();
  asio::io_context io_;
};

/// Commits numbers one after the other, several such at once.
Task<> keep_committing(Store& store, int& next, int end, std::map<int, Result<void>>& results,
                       std::function<Transaction(int)> make) {
  while (next < end) {
    const int number = next++;
    Transaction transaction = make(number);
    results.insert_or_assign(number, co_await store.commit(std::move(transaction)));
  }
}

TEST_F(PostgresFaultsTest, RandomCutsLoseAndDoubleNothing) {
  CuttingProxy proxy(server().port());
  const std::unique_ptr<Store> store = open(options(proxied(proxy))).value();
  std::mt19937 random(20261121);
  const int cuts = is_soak() ? 300 : 25;
  std::map<int, Result<void>> results;
  int next = 0;
  while (proxy.cuts() < cuts) {
    const auto direction =
        random() % 2 == 0 ? CuttingProxy::Direction::ToServer : CuttingProxy::Direction::ToClient;
    // A commit is some hundred bytes in either direction.
    proxy.cut_after(direction, 1 + static_cast<std::int64_t>(random() % 4'000));
    const int end = next + 40;
    for (int i = 0; i < 12; ++i) {
      spawn(io_.get_executor(), keep_committing(*store, next, end, results, numbered), "commits");
    }
    io_.restart();
    io_.run();
  }
  for (const auto& [number, result] : results)
    EXPECT_TRUE(result.has_value()) << number << ": " << result.error().describe();
  expect_each_once(next);
  EXPECT_TRUE(std::ranges::is_sorted(in_order())) << "not in the order of submission";
  fmt::print("{} cuts during {} commits: none lost, none doubled\n", proxy.cuts(), next);
}

TEST_F(PostgresFaultsTest, WhatAStalledConnectionDeliversLaterComesTooLate) {
  CuttingProxy proxy(server().port());
  PostgresOptions quick = options(proxied(proxy));
  quick.statement_timeout = quick.lock_timeout = quick.answer_slack = Duration(200);
  const std::unique_ptr<Store> store = open(quick).value();
  ASSERT_TRUE(append(*store, 0).has_value());
  const std::string writers = "SELECT pid FROM pg_stat_activity WHERE datname = '" + database_ +
                              "' AND application_name = 'croft' AND query = 'COMMIT'";
  const std::string stalled = server().sql("postgres", writers);
  ASSERT_FALSE(stalled.empty());
  proxy.hold();
  // Hangs in the old connection, then is written by a new one.
  ASSERT_TRUE(append(*store, 1).has_value());
  proxy.release();
  // Its server process ends once it has done what it was told.
  const std::string is_there =
      "SELECT 1 FROM pg_stat_activity WHERE pid = " + lines(stalled).front();
  while (!server().sql("postgres", is_there).empty()) std::this_thread::yield();
  ASSERT_TRUE(append(*store, 2).has_value());
  expect_each_once(3);
}

TEST_F(PostgresFaultsTest, GoesOnAfterAServerThatCrashes) {
  PostgresServer own;
  const std::string name = own.make_database();
  PostgresOptions patient = options(own.url(name));
  patient.patience = Duration(60'000);  // a crash takes a recovery
  const std::unique_ptr<Store> store = open(patient).value();
  int number = 0;
  for (const bool is_killed : {false, true}) {
    ASSERT_TRUE(append(*store, number++).has_value());
    is_killed ? own.kill() : own.stop();
    std::optional<Result<void>> result;
    asio::co_spawn(io_, store->commit(numbered(number++)),
                   [&](std::exception_ptr, Result<void> done) { result = std::move(done); });
    io_.restart();
    io_.run_for(500ms);
    own.start();
    io_.run();
    ASSERT_TRUE(result.has_value());
    EXPECT_TRUE(result->has_value()) << result->error().describe();
  }
  EXPECT_EQ(own.sql(name, "SELECT message FROM events ORDER BY sequence"), "0\n1\n2\n3\n");
  EXPECT_EQ(run_task(io_, store->tokens()).value().size(), 4U);
}

TEST_F(PostgresFaultsTest, FailsAfterItsPatienceAndRecoversByItself) {
  PostgresServer own;
  PostgresOptions impatient = options(own.url(own.make_database()));
  impatient.patience = Duration(300);
  const std::unique_ptr<Store> store = open(impatient).value();
  ASSERT_TRUE(append(*store, 0).has_value());
  own.stop();
  // The first may find out only by being cut, and waits for what became of it; the next knows.
  std::optional<Result<void>> first;
  asio::co_spawn(io_, store->commit(numbered(1)),
                 [&](std::exception_ptr, Result<void> done) { first = std::move(done); });
  EXPECT_FALSE(append(*store, 3).has_value()) << "it waited behind the first, and no longer";
  const Result<std::vector<TokenRow>> read = run_task(io_, store->tokens());
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), ErrorCode::Unavailable);
  EXPECT_NE(read.error().describe().find("reading from the store"), std::string::npos);
  EXPECT_NE(read.error().describe().find("Connection refused"), std::string::npos)
      << read.error().describe();
  own.start();
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (!append(*store, 2) && std::chrono::steady_clock::now() < end) {
  }
  EXPECT_EQ(run_task(io_, store->tokens()).value().size(), first && *first ? 3U : 2U);
}

TEST_F(PostgresFaultsTest, SaysThatTheServerIsReadOnlyAndGoesOnOnceItIsNot) {
  PostgresOptions impatient = options(server().url(database_));
  impatient.patience = Duration(300);
  const std::unique_ptr<Store> store = open(impatient).value();
  ASSERT_TRUE(append(*store, 0).has_value());
  server().sql("postgres",
               "ALTER DATABASE " + database_ + " SET default_transaction_read_only = on");
  server().sql("postgres",
               "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE "
               "datname = '" +
                   database_ + "' AND pid <> pg_backend_pid()");
  const Result<std::vector<TokenRow>> refused = run_task(io_, store->tokens());
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), ErrorCode::Unavailable);
  EXPECT_NE(refused.error().describe().find("read-only"), std::string::npos)
      << refused.error().describe();
  EXPECT_NE(refused.error().describe().find("connect to the primary"), std::string::npos);
  server().sql("postgres", "ALTER DATABASE " + database_ + " RESET default_transaction_read_only");
  EXPECT_TRUE(append(*store, 1).has_value());
  expect_each_once(2);
}

TEST_F(PostgresFaultsTest, SaysThatTheServerHasNoConnectionLeft) {
  server().sql("postgres", "CREATE ROLE app LOGIN CONNECTION LIMIT 10");
  server().sql(database_, "GRANT ALL ON SCHEMA public TO app");
  const std::string url = fmt::format("postgres://app@127.0.0.1:{}/{}", server().port(), database_);
  PostgresOptions impatient = options(url);
  impatient.patience = Duration(300);
  const std::unique_ptr<Store> store = open(impatient).value();
  ASSERT_TRUE(append(*store, 0).has_value());
  server().sql("postgres", "ALTER ROLE app CONNECTION LIMIT 0");
  const Result<std::vector<TokenRow>> read = run_task(io_, store->tokens());
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code(), ErrorCode::Unavailable);
  EXPECT_NE(read.error().describe().find("too many connections"), std::string::npos)
      << read.error().describe();
  EXPECT_NE(read.error().describe().find("max_connections"), std::string::npos);
  server().sql("postgres", "ALTER ROLE app CONNECTION LIMIT 10");
  EXPECT_EQ(run_task(io_, store->tokens()).value().size(), 1U);
}

/// A small file system of a test's own, gone with it whatever happens.
class SmallDisk {
 public:
  explicit SmallDisk(const std::filesystem::path& place) : place_(place) {
    std::filesystem::create_directory(place);
    is_there_ = ::mount("croft-test", place.c_str(), "tmpfs", 0, "size=24m,mode=0777") == 0;
  }
  ~SmallDisk() {
    if (is_there_) ::umount2(place_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool is_there() const { return is_there_; }

 private:
  std::filesystem::path place_;
  bool is_there_ = false;
};

TEST_F(PostgresFaultsTest, SaysThatTheServersDiskIsFullAndGoesOnOnceItIsNot) {
  const TemporaryDirectory place = TemporaryDirectory::make("croft-small-").value();
  std::filesystem::permissions(place.path(), std::filesystem::perms(0755));
  const std::filesystem::path small = place.path() / "disk";
  const SmallDisk disk(small);
  if (!disk.is_there()) GTEST_SKIP() << "this user cannot mount a small file system";
  PostgresServer own;
  const auto owner = run_child_checked(
      {.arguments = {"chown", "--reference", (own.directory() / "data").string(), small}});
  ASSERT_TRUE(owner.has_value());
  own.sql("postgres", "CREATE TABLESPACE small LOCATION '" + small.string() + "'");
  own.sql("postgres", "CREATE DATABASE cramped TABLESPACE small");
  ASSERT_TRUE(write_file_atomic(small / "filler", std::string(4 << 20, 'x'), 0644).has_value());
  {
    PostgresOptions impatient = options(own.url("cramped"));
    impatient.patience = Duration(300);
    const std::unique_ptr<Store> store = open(impatient).value();
    ASSERT_TRUE(append(*store, 0).has_value());
    std::mt19937_64 random(1);
    Result<void> done;
    for (int i = 0; i < 40 && done; ++i) {
      std::string noise;
      while (noise.size() < (1U << 20U)) noise += fmt::format("{:016x}", random());
      Transaction large;
      large.add(PutSource{{.key = fmt::format("s{}", i), .url = noise}});
      done = run_task(io_, store->commit(std::move(large)));
    }
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().code(), ErrorCode::Unavailable);
    EXPECT_NE(done.error().describe().find("the server's disk is full"), std::string::npos)
        << done.error().describe();
    std::filesystem::remove(small / "filler");
    EXPECT_TRUE(append(*store, 1).has_value());
    EXPECT_EQ(own.sql("cramped", "SELECT message FROM events ORDER BY sequence"), "0\n1\n");
  }
}

TEST_F(PostgresFaultsTest, RefusesASecondDaemonAndNamesTheFirst) {
  const std::unique_ptr<Store> first = open(options(server().url(database_))).value();
  const TemporaryDirectory other = TemporaryDirectory::make("croft-faults-").value();
  const Result<std::unique_ptr<Store>> second =
      open_postgres_store(other.path(), options(server().url(database_)));
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), ErrorCode::Unavailable);
  EXPECT_NE(second.error().describe().find("another croft writes to this database: host"),
            std::string::npos)
      << second.error().describe();
  EXPECT_EQ(refusal(options(server().url(database_))).code(), ErrorCode::Conflict)
      << "the same directory is locked";
}

TEST_F(PostgresFaultsTest, MakesRoomAtOnceForWhoeverComesAfterACleanEnd) {
  open(options(server().url(database_))).value().reset();
  const TemporaryDirectory other = TemporaryDirectory::make("croft-faults-").value();
  EXPECT_TRUE(open_postgres_store(other.path(), options(server().url(database_))).has_value());
}

TEST_F(PostgresFaultsTest, WritesNothingAnyMoreOnceAnotherHasTakenOver) {
  const std::unique_ptr<Store> first = open(options(server().url(database_))).value();
  ASSERT_TRUE(append(*first, 0).has_value());
  const TemporaryDirectory other = TemporaryDirectory::make("croft-faults-").value();
  PostgresOptions eager = options(server().url(database_));
  eager.lease = Duration(0);
  const std::unique_ptr<Store> second = open_postgres_store(other.path(), eager).value();
  for (int i = 0; i < 2; ++i) {
    const Result<void> refused = append(*first, 1);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), ErrorCode::Conflict);
    EXPECT_NE(refused.error().describe().find("another croft writes to"), std::string::npos);
  }
  EXPECT_TRUE(append(*second, 2).has_value());
  EXPECT_EQ(written(), (std::map<int, int>{{0, 1}, {2, 1}}));
}

TEST_F(PostgresFaultsTest, RefusesASchemaOfANewerCroft) {
  open(options(server().url(database_))).value().reset();
  server().sql(database_, "INSERT INTO schema_migrations VALUES (999, 'the future')");
  const Error error = refusal(options(server().url(database_)));
  EXPECT_EQ(error.code(), ErrorCode::Conflict);
  EXPECT_NE(error.describe().find("schema version 999"), std::string::npos) << error.describe();
}

TEST_F(PostgresFaultsTest, RefusesAnEmptyDatabaseBesideAFullCroftDb) {
  open_store(directory_.path(), "").value().reset();
  const Error error = refusal(options(server().url(database_)));
  EXPECT_EQ(error.code(), ErrorCode::Conflict);
  EXPECT_NE(error.describe().find("croft store copy"), std::string::npos) << error.describe();
  // Whoever does not want to move after all goes on as before.
  EXPECT_TRUE(open_store(directory_.path(), "").has_value());
}

TEST_F(PostgresFaultsTest, SaysWhatIsWrongWithUrlsUsersAndDatabases) {
  server().sql("postgres", "CREATE ROLE guarded LOGIN PASSWORD 'sesame-open'");
  server().allow("host all guarded 127.0.0.1/32 scram-sha-256");
  const std::string place = fmt::format("127.0.0.1:{}", server().port());
  struct Case {
    std::string url;
    ErrorCode code;
    std::vector<std::string> words;
  };
  const std::vector<Case> cases{
      {"postgres://guarded:hunter2hunter2@" + place + "/postgres",
       ErrorCode::Unavailable,
       {"password authentication failed", "check user and password"}},
      {"postgres://guarded@" + place + "/postgres",
       ErrorCode::Unavailable,
       {"no password supplied", "password file"}},
      {"postgres://croft@" + place + "/nowhere",
       ErrorCode::Unavailable,
       {"database \"nowhere\" does not exist", "createdb"}},
      {"postgres://nobody@" + place + "/postgres",
       ErrorCode::Unavailable,
       {"does not exist", "createuser"}},
      {"postgres://croft@127.0.0.1:1/postgres", ErrorCode::Unavailable, {"Connection refused"}},
      {"postgres://croft@no.such.host.invalid/x", ErrorCode::Unavailable, {"no.such.host.invalid"}},
      {"postgres://croft:p%zzhunter2hunter2@h/x", ErrorCode::Invalid, {"store.url is no"}},
      {"mysql://h/x", ErrorCode::Invalid, {"for example: postgres://"}},
      {"postgres://croft@" + place + "/postgres?sslmode=require",
       ErrorCode::Unavailable,
       {"SSL", "sslmode"}},
  };
  for (const Case& one : cases) {
    const Error error = refusal(options(one.url));
    EXPECT_EQ(error.code(), one.code) << error.describe();
    for (const std::string& words : one.words)
      EXPECT_NE(error.describe().find(words), std::string::npos) << error.describe();
    EXPECT_EQ(error.describe().find("hunter2"), std::string::npos) << error.describe();
  }
  EXPECT_TRUE(
      open(options("postgres://guarded:sesame-open@" + place + "/postgres")).error().code() ==
      ErrorCode::Denied)
      << "it may log in, but not make tables";
}

TEST_F(PostgresFaultsTest, TakesWhatTheUrlLeavesOutFromTheEnvironmentAndServiceFiles) {
  const std::filesystem::path file = directory_.path() / "services";
  const std::string text =
      fmt::format("[croft]\nhost=127.0.0.1\nport={}\nuser=croft\n", server().port());
  ASSERT_TRUE(write_file_atomic(file, text, 0600).has_value());
  ::setenv("PGSERVICEFILE", file.c_str(), 1);
  EXPECT_TRUE(open(options("service=croft dbname=" + database_)).has_value());
  ::setenv("PGPORT", std::to_string(server().port()).c_str(), 1);
  EXPECT_TRUE(open(options("postgres://croft@127.0.0.1/" + database_)).has_value());
  ::unsetenv("PGSERVICEFILE");
  ::unsetenv("PGPORT");
}

TEST_F(PostgresFaultsTest, IsNotOpenedFromAnOldCroftDbOnceItWasMoved) {
  const std::string url = server().url(database_);
  open_store(directory_.path(), "").value().reset();
  std::filesystem::rename(directory_.path() / "croft.db", directory_.path() / "kept");
  open_store(directory_.path(), url).value().reset();
  for (const bool has_old : {false, true}) {
    if (has_old)
      std::filesystem::rename(directory_.path() / "kept", directory_.path() / "croft.db");
    const Result<std::unique_ptr<Store>> refused = open_store(directory_.path(), "");
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), ErrorCode::Conflict);
    EXPECT_NE(refused.error().describe().find("was in PostgreSQL until now"), std::string::npos);
  }
  // One that was written after that is the newer one.
  std::filesystem::last_write_time(directory_.path() / "croft.db",
                                   std::filesystem::file_time_type::clock::now() + 1s);
  EXPECT_TRUE(open_store(directory_.path(), "").has_value());
}

TEST_F(PostgresFaultsTest, SpeaksTlsAndBelievesOnlyTheServerThatItKnows) {
  PostgresServer own;
  const std::string data = (own.directory() / "data").string();
  const auto make_certificate = [&](const std::string& name) {
    const std::string script =
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=croft-test "
        "-addext subjectAltName=IP:127.0.0.1 -keyout \"$1/$2.key\" -out \"$1/$2.crt\" && "
        "chown --reference=\"$1\" \"$1/$2.key\" \"$1/$2.crt\" && chmod 600 \"$1/$2.key\"";
    const auto made = run_child_checked({.arguments = {"sh", "-c", script, "sh", data, name}});
    ASSERT_TRUE(made.has_value()) << made.error().describe();
  };
  make_certificate("server");
  make_certificate("other");
  own.sql("postgres", "ALTER SYSTEM SET ssl = on");
  own.stop();
  own.start();
  const std::string url = own.url(own.make_database()) + "?sslmode=verify-full&sslrootcert=" + data;
  {
    const std::unique_ptr<Store> store = open(options(url + "/server.crt")).value();
    EXPECT_TRUE(append(*store, 0).has_value());
    EXPECT_EQ(own.sql("postgres",
                      "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING "
                      "(pid) WHERE application_name = 'croft'"),
              "t\n");
  }
  const Error error = refusal(options(url + "/other.crt"));
  EXPECT_EQ(error.code(), ErrorCode::Unavailable);
  EXPECT_NE(error.describe().find("certificate verify failed"), std::string::npos)
      << error.describe();
  EXPECT_NE(error.describe().find("sslrootcert"), std::string::npos) << error.describe();
}

TEST_F(PostgresFaultsTest, RefusesADatabaseThatDoesNotKeepUtf8) {
  server().sql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
  const Error error = refusal(options(server().url("latin")));
  EXPECT_EQ(error.code(), ErrorCode::Invalid);
  EXPECT_NE(error.describe().find("LATIN1"), std::string::npos) << error.describe();
}

TEST_F(PostgresFaultsTest, HearsOfOrdersThatSomebodyElseWrote) {
  const std::unique_ptr<Store> store = open(options(server().url(database_))).value();
  EXPECT_TRUE(run_task(io_, store->foreign_orders(Duration(10'000)))) << "once it listens";
  // Its own are none.
  Transaction own;
  own.add(PutAcknowledgement{{"alice", "7c1e", "root", store_rows::at(0)}});
  ASSERT_TRUE(run_task(io_, store->commit(std::move(own))).has_value());
  bool is_heard = false;
  asio::co_spawn(io_, store->foreign_orders(Duration(60'000)),
                 [&](std::exception_ptr, bool) { is_heard = true; });
  io_.restart();
  io_.run_for(300ms);
  EXPECT_FALSE(is_heard);
  server().sql(database_, "INSERT INTO acknowledgements VALUES ('alice', 'ffff', 'eve', 1)");
  io_.restart();
  io_.run_for(20s);
  EXPECT_TRUE(is_heard);
}

}  // namespace

}  // namespace croft
