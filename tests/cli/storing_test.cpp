#include <algorithm>
#include <filesystem>
#include <unistd.h>

#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/base/value.hpp"
#include "core/store/open.hpp"
#include "tests/cli/command_line.hpp"
#include "tests/contract/store_rows.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/run_task.hpp"

namespace croft::cli {
namespace {

/// `croft store` on a store with two tenants.
class StoringTest : public testing::Test {
 protected:
  void SetUp() override {
    asio::io_context io;  // the store goes first
    const auto store = open_store(data_, {}).value();
    Transaction two;
    two.add(PutTenant{store_rows::tenant("t1", "alice")});
    two.add(PutTenant{store_rows::tenant("t2", "bob")});
    ASSERT_TRUE(run_task(io, store->commit(std::move(two))).has_value());
  }

  Ran store(std::vector<std::string> words, Environment environment = {}) {
    words.insert(words.begin(), "store");
    words.insert(words.end(), {"--config", "/dev/null"});
    return run(words, std::move(environment));
  }
  Ran store_of(const std::filesystem::path& data, std::vector<std::string> words) {
    return store(std::move(words), {{"CROFT_DATA", data.string()}});
  }
  std::string path(const std::string& name) const { return (directory_.path() / name).string(); }
  static std::string make_url() {
    return PostgresServer::shared().url(PostgresServer::shared().make_database());
  }

  TemporaryDirectory directory_ = TemporaryDirectory::make("croft-cli-").value();
  std::filesystem::path data_ = directory_.path() / "data";
};

TEST_F(StoringTest, StatusSaysWhatIsWhere) {
  const Ran ran = store_of(data_, {"status"});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_TRUE(ran.out.starts_with("engine        SQLite 3.")) << ran.out;
  EXPECT_NE(ran.out.find("where         " + (data_ / "croft.db").string()), std::string::npos);
  EXPECT_NE(ran.out.find("written by    nobody\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("tenants            2\n"), std::string::npos) << ran.out;
  const auto daemon = open_store(data_, {}).value();
  const Ran busy = store({"status", "--data", data_.string(), "-o", "json"});
  EXPECT_EQ(busy.status, 0) << busy.err;
  const Result<Value> value = parse_json(busy.out);
  ASSERT_TRUE(value.has_value()) << busy.out;
  EXPECT_EQ(value->text_or("writer.description", ""), "pid " + std::to_string(::getpid()));
  EXPECT_EQ(value->integer_or("rows.tenants", 0), 2);
  EXPECT_EQ(value->integer_or("schema", 0), value->integer_or("knownSchema", -1));
}

TEST_F(StoringTest, StatusTellsWhatItCannotUseFromWhatItCannotReach) {
  const std::string url = make_url();
  ASSERT_EQ(run({"store", "copy", data_.string(), url}).status, 0);
  const std::string database = url.substr(url.rfind('/') + 1);
  PostgresServer::shared().sql(
      "postgres", "ALTER DATABASE " + database + " SET default_transaction_read_only = on");
  const Ran unusable = store({"status"}, {{"CROFT_STORE_URL", url}});
  EXPECT_EQ(unusable.status, 1) << unusable.err;
  EXPECT_NE(unusable.out.find("takes writes  no"), std::string::npos) << unusable.out;
  const Ran missing = store_of(directory_.path() / "nowhere", {"status"});
  EXPECT_EQ(missing.status, 2);
  EXPECT_NE(missing.err.find("there is no store in"), std::string::npos) << missing.err;
  const Ran away = store({"status", "--store-url", "postgres://croft:hushhush@127.0.0.1:1/x"});
  EXPECT_EQ(away.status, 2);
  EXPECT_NE(away.err.find("postgres://croft@127.0.0.1:1/x"), std::string::npos) << away.err;
  EXPECT_EQ((away.out + away.err).find("hushhush"), std::string::npos);
}

TEST_F(StoringTest, BacksUpAndRestores) {
  const Ran made = store_of(data_, {"backup", path("b")});
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_NE(made.out.find("4 rows of"), std::string::npos) << made.out;
  EXPECT_EQ(store_of(data_, {"backup", path("b")}).status, 2) << "there is such a file";
  EXPECT_EQ(store_of(data_, {"backup", path("b"), "--force"}).status, 0);
  const Ran over = store_of(data_, {"restore", path("b")});
  EXPECT_EQ(over.status, 2);
  EXPECT_NE(over.err.find("is not empty"), std::string::npos) << over.err;
  EXPECT_NE(over.err.find("move croft.db"), std::string::npos) << over.err;
  const Ran restored = store_of(directory_.path() / "new", {"restore", path("b")});
  EXPECT_EQ(restored.status, 0) << restored.err;
  EXPECT_NE(restored.out.find("4 rows are in"), std::string::npos) << restored.out;
  EXPECT_EQ(store_of(directory_.path() / "new", {"check"}).out.substr(0, 40),
            store_of(data_, {"check"}).out.substr(0, 40));
}

TEST_F(StoringTest, ChecksAndSaysWhatIsWrongByTableAndKey) {
  const Ran whole = store_of(data_, {"check"});
  EXPECT_EQ(whole.status, 0) << whole.err;
  EXPECT_NE(whole.out.find("4 rows can be read, nothing is wrong."), std::string::npos)
      << whole.out;
  const std::string url = make_url();
  ASSERT_EQ(run({"store", "copy", data_.string(), url}).status, 0);
  PostgresServer::shared().sql(url.substr(url.rfind('/') + 1),
                               "UPDATE counters SET value = 1 WHERE name = 'tenant_number'");
  const Ran broken = store({"check", "--store-url", url});
  EXPECT_EQ(broken.status, 1) << broken.err;
  EXPECT_TRUE(
      broken.out.starts_with("counters tenant_number: it is at 1, but 2 was given already\n"))
      << broken.out;
  EXPECT_NE(broken.out.find("; 1 problem.\n"), std::string::npos) << broken.out;
  const Ran json = store({"check", "--store-url", url, "-o", "json"});
  EXPECT_EQ(json.status, 1);
  const Result<Value> value = parse_json(json.out);
  ASSERT_TRUE(value.has_value()) << json.out;
  EXPECT_EQ(value->text_or("problems[0].key", ""), "tenant_number");
  EXPECT_EQ(value->integer_or("problemCount", 0), 1);
}

TEST_F(StoringTest, CopiesAndSaysWhatToSet) {
  const std::string url = make_url();
  std::string secret_url = url;
  secret_url.replace(url.find("croft@"), 6, "croft:hush%40hush@");
  const Ran there = run({"store", "copy", (data_ / "croft.db").string(), secret_url});
  EXPECT_EQ(there.status, 0) << there.err;
  EXPECT_NE(there.out.find("  store.url: \"" + url + "\"\nwith its password"), std::string::npos)
      << there.out;
  EXPECT_NE(there.out.find("Then move " + (data_ / "croft.db").string() + " away"),
            std::string::npos)
      << there.out;
  EXPECT_EQ((there.out + there.err).find("hush"), std::string::npos) << there.out;
  const Ran again = run({"store", "copy", data_.string(), url});
  EXPECT_EQ(again.status, 2);
  EXPECT_NE(again.err.find("is not empty"), std::string::npos) << again.err;
  const std::string back = path("back");
  const Ran home = run({"store", "copy", url, back + "/croft.db"});
  EXPECT_EQ(home.status, 0) << home.err;
  EXPECT_NE(home.out.find("Take store.url out of the settings now, and set\n  data: " + back),
            std::string::npos)
      << home.out;
  EXPECT_EQ(store_of(back, {"check"}).status, 0);
}

TEST_F(StoringTest, RefusesAStoreInUse) {
  const auto daemon = open_store(data_, {}).value();
  const Ran ran = run({"store", "copy", data_.string(), make_url()});
  EXPECT_EQ(ran.status, 2);
  EXPECT_NE(ran.err.find("uses " + data_.string() + " already"), std::string::npos) << ran.err;
  EXPECT_EQ(store_of(data_, {"check"}).status, 0) << "this may run beside a daemon";
  EXPECT_EQ(store_of(data_, {"backup", path("b")}).status, 0) << "and so may this";
}

TEST_F(StoringTest, MigrateSaysFromWhichVersionToWhich) {
  const Ran ran = store_of(data_, {"migrate", "--dry-run"});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_NE(ran.out.find("has schema version "), std::string::npos) << ran.out;
  const std::string url = make_url();
  ASSERT_EQ(run({"store", "copy", data_.string(), url}).status, 0);
  const std::string database = url.substr(url.rfind('/') + 1);
  PostgresServer::shared().sql(database,
                               "DELETE FROM schema_migrations WHERE version > 1; "
                               "DROP TABLE writer, notifications, webhooks, deliveries; "
                               "DROP FUNCTION croft_notice CASCADE");
  const std::string words = " from schema version 1 to ";
  const Ran planned = store({"migrate", "--dry-run", "--store-url", url});
  EXPECT_EQ(planned.status, 0) << planned.err;
  EXPECT_NE(planned.out.find(" would be migrated" + words), std::string::npos) << planned.out;
  const Ran done = store({"migrate", "--store-url", url});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_NE(done.out.find(" was migrated" + words), std::string::npos) << done.out;
  EXPECT_EQ(store({"status", "--store-url", url}).status, 0);
}

TEST_F(StoringTest, TakesTwoPlacesAndSaysWhatIsMissing) {
  EXPECT_EQ(run({"store", "copy", "a"}).err,
            "croft: TO is missing\n  see 'croft store copy --help'\n");
  EXPECT_EQ(run({"store", "copy", "a", "b", "c"}).err,
            "croft: unexpected argument 'c'\n  see 'croft store copy --help'\n");
  const Ran ran = run({"store", "copy", "notes.txt", "b"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_NE(ran.err.find("reading FROM: 'notes.txt' names no store"), std::string::npos) << ran.err;
}

TEST_F(StoringTest, HelpSaysWhichStoreIsMeant) {
  for (const char* name : {"status", "migrate", "check", "backup", "restore"}) {
    std::string help = run({"store", name, "--help"}).out;
    std::ranges::replace(help, '\n', ' ');
    EXPECT_NE(help.find("Talks to the database itself"), std::string::npos) << help;
    for (const char* option : {"--data", "--store-url", "--config"})
      EXPECT_NE(help.find(option), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace croft::cli
