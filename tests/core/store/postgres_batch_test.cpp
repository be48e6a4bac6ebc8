#include <algorithm>
#include <fcntl.h>
#include <stdexcept>
#include <sys/resource.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/files.hpp"
#include "core/store/postgres/bulk.hpp"
#include "core/store/postgres/committer.hpp"
#include "core/store/postgres/session.hpp"
#include "core/store/postgres/writer.hpp"
#include "core/store/sql/migrations.hpp"
#include "core/store/sql/statements.hpp"
#include "core/store/sql/writes.hpp"
#include "tests/contract/store_rows.hpp"
#include "tests/support/cutting_proxy.hpp"
#include "tests/support/postgres_server.hpp"
#include "tests/support/run_task.hpp"

// How transactions become batches, and what a batch that is sent behind another depends on.

namespace croft::postgres {

namespace {

using sql::Statement;
using namespace store_rows;

std::vector<Statement> plan_of(const std::vector<Write>& writes) {
  std::vector<Statement> statements;
  for (const Write& write : writes) EXPECT_TRUE(sql::plan(write, statements).has_value());
  return statements;
}

/// How a statement came out of it.
std::string kind_of(const Statement& statement) {
  for (const sql::RowsAtOnce& form : sql::rows_at_once()) {
    if (statement.text == form.one) return "one";
    if (statement.text == form.many) return "many";
  }
  return statement.text == sql::kNextEvent    ? "number"
         : statement.text == sql::kNextEvents ? "numbers"
                                              : "other";
}

std::vector<std::string> kinds(const std::vector<Statement>& statements) {
  std::vector<std::string> all;
  for (const Statement& statement : statements) all.push_back(kind_of(statement));
  return all;
}

PutResource put(const std::string& uid) { return {resource(uid, site("alice", uid))}; }

using Kinds = std::vector<std::string>;

TEST(BulkTest, GathersRowsOfATablePastThoseOfOthers) {
  const AppendEvent append{event("alice", "s")};
  EXPECT_EQ(kinds(in_bulk(plan_of({put("u1"), append, put("u2"), append, put("u3")}))),
            (Kinds{"many", "numbers", "many"}));
}

TEST(BulkTest, LeavesWhatIsAloneAsItIs) {
  EXPECT_EQ(kinds(in_bulk(plan_of({put("u1"), AppendEvent{event("alice", "s")}, EraseToken{"k"}}))),
            (Kinds{"one", "number", "one", "other"}));
}

TEST(BulkTest, WritesARowAgainAfterwards) {
  EXPECT_EQ(kinds(in_bulk(plan_of({put("u1"), put("u2"), put("u1"), put("u3")}))),
            (Kinds{"many", "many"}));
}

TEST(BulkTest, LetsNothingPassAStatementOfAnyTable) {
  EXPECT_EQ(kinds(in_bulk(plan_of(
                {put("u1"), put("u2"), EraseResource{"u1"}, put("u1"), put("u3"), put("u4")}))),
            (Kinds{"many", "other", "many"}));
}

TEST(BulkTest, BoundsAStatement) {
  std::vector<Write> writes;
  for (int i = 0; i < 1'200; ++i) writes.emplace_back(put(fmt::format("u{}", i)));
  EXPECT_EQ(kinds(in_bulk(plan_of(writes))), (Kinds{"many", "many", "many"}));
  writes.clear();
  for (int i = 0; i < 20; ++i) {
    PutResource large = put(fmt::format("u{}", i));
    large.row.message.assign(2 << 20, 'x');
    writes.emplace_back(std::move(large));
  }
  EXPECT_EQ(kinds(in_bulk(plan_of(writes))), (Kinds{"many", "many", "many"}));
}

/// A database with the lease of this test.
class BatchTest : public testing::Test {
 protected:
  void SetUp() override {
    session_ = std::move(BlockingSession::open(target_).value());
    ASSERT_TRUE(sql::migrate(*session_, sql::migrations()).has_value());
    Lease lease = take_lease(*session_, "test", "the test", Duration(20'000)).value();
    server_.emplace(io_.get_executor(), proxied_, "test", PostgresOptions{.url = {}});
    committer_.emplace(*server_, std::move(lease));
    ASSERT_TRUE(run_task(io_, committer_->renew()).has_value());
  }
  void TearDown() override { server_->stop(); }

  static Batch batch(std::vector<Statement> statements) {
    return {.statements = std::move(statements),
            .writes = {},
            .give_up = Batch::Clock::now() + std::chrono::seconds(10)};
  }
  Reply::Fate fate_of(const Committer::Sent& sent) {
    return run_task(io_, committer_->answer_to(sent)).fate;
  }
  std::string sql(const std::string& text) {
    std::string answer = PostgresServer::shared().sql(database_, text);
    if (answer.ends_with('\n')) answer.pop_back();
    return answer;
  }

  std::string database_ = PostgresServer::shared().make_database();
  Target target_ = parse_target(PostgresServer::shared().url(database_)).value();
  CuttingProxy proxy_{PostgresServer::shared().port()};
  Target proxied_ = parse_target(fmt::format("postgres://croft@127.0.0.1:{}/{}?sslmode=disable",
                                             proxy_.port(), database_))
                        .value();
  asio::io_context io_;
  std::unique_ptr<BlockingSession> session_;
  std::optional<Server> server_;
  std::optional<Committer> committer_;
};

TEST_F(BatchTest, TakesRowsOfEveryKindInBulk) {
  std::vector<Write> writes;
  for (int i = 0; i < 3; ++i) {
    const std::string number = std::to_string(i);
    writes.emplace_back(PutSource{source("alice/" + number)});
    writes.emplace_back(put("u" + number));
    writes.emplace_back(PutIntent{intent("i" + number)});
    writes.emplace_back(PutUsage{usage("f" + number, i, std::nullopt)});
    writes.emplace_back(AppendEvent{event("alice", "s", number)});
    writes.emplace_back(AppendNotification{notification("n" + number, "alice")});
    writes.emplace_back(PutDelivery{delivery("d" + number, "ops", i)});
  }
  const std::vector<Statement> statements = in_bulk(plan_of(writes));
  EXPECT_EQ(std::ranges::count(kinds(statements), "many"),
            static_cast<std::ptrdiff_t>(sql::rows_at_once().size()));
  const Batch all = batch(statements);
  const Result<void> done = run_task(io_, committer_->commit(all));
  ASSERT_TRUE(done.has_value()) << done.error().describe();
  EXPECT_EQ(sql("SELECT string_agg(message || sequence, ' ' ORDER BY sequence) FROM events"),
            "01 12 23");
  EXPECT_EQ(sql("SELECT count(*) FROM usage_facts WHERE to_time IS NULL"), "3");
  EXPECT_EQ(sql("SELECT string_agg(id || sequence, ' ' ORDER BY sequence) FROM notifications"),
            "n01 n12 n23");
  EXPECT_EQ(sql("SELECT string_agg(id || sequence, ' ' ORDER BY sequence) FROM deliveries"),
            "d00 d11 d22");
}

TEST_F(BatchTest, AWriterThatDiesLeavesNobodyWaiting) {
  std::vector<Result<void>> results;
  Writer writer(*server_, take_lease(*session_, "test", "the test", Duration(20'000)).value());
  const auto submit = [&](const std::string& token) {
    Transaction transaction;
    transaction.add(PutToken{{.id = token}});
    writer.submit(std::move(transaction),
                  Promise<void>([&](Result<void> done) { results.push_back(std::move(done)); }));
  };
  Transaction first;
  first.add(PutToken{{.id = "first"}});
  writer.submit(std::move(first), Promise<void>([&](const Result<void>& done) {
                  if (!done) return;
                  submit("behind it");
                  throw std::runtime_error("a bug");
                }));
  submit("with it");
  spawn(io_.get_executor(), writer.run(), "writer");
  io_.restart();
  io_.run();
  submit("later");
  ASSERT_EQ(results.size(), 3U) << "somebody waits for ever";
  for (const Result<void>& each : results) EXPECT_FALSE(each);
  for (std::size_t i : {1U, 2U})
    EXPECT_NE(results[i].error().describe().find("the store's writer has ended: a bug"),
              std::string::npos)
        << results[i].error().describe();
  EXPECT_TRUE(writer.is_dead());
}

TEST_F(BatchTest, AConnectionThatCannotBeWatchedIsUnavailable) {
  Handle handle = std::move(connect(target_).value());
  UniqueFd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next.get());
  next.reset();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  Preparing preparing;
  const auto link = Link::over(io_.get_executor(), target_, std::move(handle), preparing);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(link.has_value());
  EXPECT_EQ(link.error().code(), ErrorCode::Unavailable);
  EXPECT_NE(link.error().describe().find("Too many open files"), std::string::npos)
      << link.error().describe();
}

constexpr std::string_view kFirst = "INSERT INTO late VALUES (1)";
constexpr std::string_view kSecond = "INSERT INTO late VALUES (2)";

TEST_F(BatchTest, IsCommittedBehindAnother) {
  sql("CREATE TABLE late (number BIGINT)");
  const Batch first = batch({{kFirst, {}}});
  const Batch second = batch({{kSecond, {}}});
  const Committer::Sent a = committer_->send(first, nullptr);
  const Committer::Sent b = committer_->send(second, &a);
  EXPECT_EQ(fate_of(a), Reply::Fate::Done);
  EXPECT_EQ(fate_of(b), Reply::Fate::Done);
  EXPECT_EQ(sql("SELECT string_agg(number::text, ' ') FROM late"), "1 2");
}

// The first is refused by its COMMIT, after which the server is ready for any other.
TEST_F(BatchTest, IsNotCommittedWithoutTheOneBefore) {
  sql("CREATE TABLE late (number BIGINT UNIQUE DEFERRABLE INITIALLY DEFERRED)");
  const Batch first = batch({{kFirst, {}}, {kFirst, {}}});
  const Batch second = batch({{kSecond, {}}});
  const Committer::Sent a = committer_->send(first, nullptr);
  const Committer::Sent b = committer_->send(second, &a);
  EXPECT_EQ(fate_of(a), Reply::Fate::Refused);
  EXPECT_EQ(fate_of(b), Reply::Fate::Refused);
  EXPECT_EQ(sql("SELECT count(*) FROM late"), "0");
}

TEST_F(BatchTest, AreLostTogetherAndReadBack) {
  sql("CREATE TABLE late (number BIGINT)");
  const Batch first = batch({{kFirst, {}}});
  const Batch second = batch({{kSecond, {}}});
  proxy_.cut_after(CuttingProxy::Direction::ToClient, 1);
  const Committer::Sent a = committer_->send(first, nullptr);
  const Committer::Sent b = committer_->send(second, &a);
  EXPECT_EQ(fate_of(a), Reply::Fate::Lost);
  EXPECT_EQ(fate_of(b), Reply::Fate::Lost);
  Error lost(ErrorCode::Unavailable, "cut");
  const std::int64_t last = run_task(io_, committer_->read_back(std::move(lost))).value();
  const std::string written = sql("SELECT count(*) FROM late");
  EXPECT_EQ(written, last >= b.number ? "2" : last >= a.number ? "1" : "0");
}

}  // namespace

}  // namespace croft::postgres
