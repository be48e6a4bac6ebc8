#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "core/store/postgres/lease.hpp"
#include "core/store/postgres/promise.hpp"
#include "core/store/postgres/server.hpp"
#include "core/store/transaction.hpp"

namespace croft::postgres {

/// The one connection that writes, in the order of submission. What waits when it gets round to it
/// goes into one transaction of the database, sent in one go; if that is refused, each goes alone.
/// On the store's thread.
class Writer {
 public:
  Writer(Server& server, Lease lease)
      : server_(server), lease_(std::move(lease)), work_(server.executor()) {}

  void submit(Transaction transaction, Promise<void> promise);
  /// Writes what is submitted, until stop(); ends when all of it is answered, or when the server
  /// stays away for longer than the options' patience. Gives up the lease then.
  Task<> run();
  /// For ever: answers what has waited too long behind a commit whose outcome is not known yet.
  Task<> answer_overdue();
  void stop();

 private:
  using Clock = std::chrono::steady_clock;
  struct Job {
    Transaction transaction;
    Promise<void> promise;
    Clock::time_point give_up;  ///< when it fails if the server is away
  };
  /// Statements of jobs, and which write each is of.
  struct Batch {
    std::vector<sql::Statement> statements;
    std::vector<const Write*> writes;
    Clock::time_point give_up;
  };

  std::vector<Job> take_jobs();
  Task<> commit_jobs(std::vector<Job> jobs);
  Task<> commit_alone(Job job);
  Task<> prune_when_due(std::size_t writes);
  Task<> renew();
  Task<> release();
  /// Commits a batch once, whatever happens to connections.
  Task<Result<void>> commit(Batch batch);
  /// One attempt; nullopt if it did not happen and is to be made again.
  Task<std::optional<Result<void>>> attempt(const Batch& batch);
  Task<std::optional<Result<void>>> settle_refused(const Batch& batch, Reply reply);
  /// After a lost connection: nullopt if the batch was not committed.
  Task<std::optional<Result<void>>> settle_lost();
  Task<Result<void>> connect(Clock::time_point give_up);
  Task<std::optional<std::int64_t>> find_last_batch();
  Result<void> taken_over() const;
  bool is_out_of_time() const;

  Server& server_;
  Lease lease_;
  std::int64_t batch_ = 0;
  std::deque<Job> jobs_;
  Signal work_;
  std::unique_ptr<Link> link_;
  std::size_t writes_since_prune_ = 0;
  bool is_taken_over_ = false;
  std::optional<Clock::time_point> stop_by_;  ///< once stopping
};

}  // namespace croft::postgres
