#include "core/store/sqlite/writer.hpp"

#include "core/base/clock.hpp"
#include "core/store/sql/statements.hpp"
#include "core/store/sql/writes.hpp"

namespace croft::sqlite {

Writer::Writer(std::unique_ptr<Connection> connection, SqliteOptions options)
    : connection_(std::move(connection)), options_(options), thread_([this] { run(); }) {}

Writer::~Writer() {
  mailbox_.close();
  thread_.join();
}

void Writer::submit(Transaction transaction, Completion done) {
  mailbox_.put(Job{.transaction = std::move(transaction), .done = std::move(done), .result = {}});
}

void Writer::run() {
  for (;;) {
    std::vector<Job> jobs = mailbox_.take_all();
    if (jobs.empty()) return;
    commit_group(jobs);
    std::size_t writes = 0;
    for (Job& job : jobs) {
      writes += job.transaction.writes.size();
      job.done(std::move(job.result));
    }
    prune_when_due(writes);
  }
}

void Writer::commit_group(std::vector<Job>& jobs) {
  std::vector<Job*> all;
  for (Job& job : jobs) all.push_back(&job);
  if (commit_together(all)) return;
  // One took the others down, as when a large transaction finds a full disk: those that can succeed
  // alone shall.
  for (Job& job : jobs) commit_together({&job});
}

/// Sets every result. False if nothing is kept of any, though some might succeed without the
/// others.
bool Writer::commit_together(const std::vector<Job*>& jobs) {
  const auto fail_all = [&jobs](const Result<void>& why) {
    for (Job* job : jobs) job->result = why;
  };
  const Result<void> begun = connection_->execute(sql::kBeginImmediate, {});
  if (!begun) {
    fail_all(begun);
    return true;  // for reasons that have nothing to do with what they write
  }
  for (Job* job : jobs) {
    job->result = run_in_savepoint(job->transaction);
    if (connection_->is_in_transaction()) continue;
    fail_all(Result<void>(job->result));  // SQLite has rolled back everything
    return jobs.size() == 1;
  }
  const Result<void> committed = connection_->execute(sql::kCommit, {});
  if (committed) return true;
  if (connection_->is_in_transaction()) (void)connection_->execute(sql::kRollback, {});
  fail_all(committed);
  return jobs.size() == 1;
}

Result<void> Writer::run_in_savepoint(const Transaction& transaction) {
  TRY(connection_->execute(sql::kSavepoint, {}));
  Result<void> result = apply_all(transaction);
  if (!connection_->is_in_transaction()) return result;
  Result<void> ended;
  if (!result) ended = connection_->execute(sql::kRollbackToSavepoint, {});
  if (ended) ended = connection_->execute(sql::kReleaseSavepoint, {});
  // A savepoint that cannot be undone must not be committed with the others: everything goes, and
  // is tried singly.
  if (!ended) (void)connection_->execute(sql::kRollback, {});
  return result ? ended : result;
}

Result<void> Writer::apply_all(const Transaction& transaction) {
  std::vector<sql::Statement> statements;
  for (const Write& write : transaction.writes) {
    statements.clear();
    TRY(sql::plan(write, statements));
    Result<void> done = run_all(statements);
    if (!done) return fail(sql::explain(write, std::move(done.error())));
  }
  return {};
}

Result<void> Writer::run_all(const std::vector<sql::Statement>& statements) {
  for (const sql::Statement& statement : statements) {
    TRY(connection_->execute(statement.text, statement.cells));
  }
  return {};
}

void Writer::prune_when_due(std::size_t writes) {
  prunes_.note_writes(writes);
  if (!prunes_.is_due()) return;
  prunes_.begin();
  if (!connection_->execute(sql::kBeginImmediate, {})) return;
  // Failing costs nothing but space: the next prune is due soon, and whoever commits is told what
  // is wrong.
  const Result<void> pruned = run_all(sql::plan_prune(options_.history, SystemClock().now()));
  if (pruned && connection_->execute(sql::kCommit, {})) return;
  if (connection_->is_in_transaction()) (void)connection_->execute(sql::kRollback, {});
}

}  // namespace croft::sqlite
