#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "core/store/sql/prune_schedule.hpp"
#include "core/store/sqlite.hpp"
#include "core/store/sqlite/connection.hpp"
#include "core/store/sqlite/mailbox.hpp"
#include "core/store/transaction.hpp"

namespace croft::sqlite {

/// The one thread that writes. What waits when it gets round to it goes into one SQLite transaction
/// (group commit), each submitted transaction in a savepoint, so that one sync serves all and a
/// failure concerns only its own.
class Writer {
 public:
  using Completion = std::move_only_function<void(Result<void>)>;

  Writer(std::unique_ptr<Connection> connection, SqliteOptions options);
  /// Finishes what was submitted, then closes the connection.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// `done` is called on the writer's thread, once the transaction is durable or has failed.
  void submit(Transaction transaction, Completion done);

 private:
  struct Job {
    Transaction transaction;
    Completion done;
    Result<void> result;
  };

  void run();
  void commit_group(std::vector<Job>& jobs);
  bool commit_together(const std::vector<Job*>& jobs);
  Result<void> run_in_savepoint(const Transaction& transaction);
  Result<void> apply_all(const Transaction& transaction);
  Result<void> run_all(const std::vector<sql::Statement>& statements);
  void prune_when_due(std::size_t writes);

  std::unique_ptr<Connection> connection_;
  SqliteOptions options_;
  Mailbox<Job> mailbox_;
  sql::PruneSchedule prunes_;
  std::thread thread_;  ///< last: it uses all of the above
};

}  // namespace croft::sqlite
