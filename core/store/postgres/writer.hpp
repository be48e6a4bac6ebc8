#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "core/store/postgres/committer.hpp"
#include "core/store/postgres/promise.hpp"
#include "core/store/sql/prune_schedule.hpp"

namespace croft::postgres {

/// Writes transactions in the order of submission. What waits when it gets round to it goes into
/// one transaction of the database, sent in one go; while that is on its way the next one is sent
/// after it, so that the server need not wait for us. If one is refused, each of its transactions
/// goes alone. On the store's thread.
class Writer {
 public:
  Writer(Server& server, Lease lease)
      : server_(server), committer_(server, std::move(lease)), work_(server.executor()) {}

  void submit(Transaction transaction, Promise<void> promise);
  /// Writes what is submitted, until stop(); ends when all of it is answered, or when the server
  /// stays away for longer than the options' patience. Gives up the lease then. Ends before that
  /// after an exception (a bug): what was submitted, and what will be, fails at once.
  Task<> run();
  /// For ever: answers what has waited too long behind a commit whose outcome is not known yet.
  Task<> answer_overdue();
  void stop();
  bool is_dead() const { return dead_.has_value(); }

 private:
  using Clock = Batch::Clock;
  struct Job {
    Transaction transaction;
    Promise<void> promise;
    Clock::time_point give_up;  ///< when it fails if the server is away
  };
  /// Jobs that share a batch, which points into them.
  struct Flight {
    std::vector<Job> jobs;
    Batch batch;
    bool is_alone = false;  ///< what the batch comes to is what its only job comes to
    Committer::Sent sent;
    std::optional<Reply> reply;

    bool is_empty() const { return jobs.empty() && batch.statements.empty(); }
  };

  Task<> write_all();
  void die(const std::string& why);
  std::vector<Job> take_jobs();
  /// Nothing of what cannot be written is in it; that is answered.
  static std::unique_ptr<Flight> plan_flight(std::vector<Job> jobs);
  std::unique_ptr<Flight> next_flight();
  /// Sends the next one after those that are on their way.
  void take_off(std::shared_ptr<Flight> flight);
  Task<> fly(std::shared_ptr<Flight> flight);
  /// The first of those on their way has its answer.
  Task<> land();
  /// It was not committed, and neither was any that was sent after it.
  Task<> land_in_trouble();
  /// Without any other on its way.
  Task<> commit_alone(std::shared_ptr<Flight> flight, std::optional<Result<void>> outcome);
  Task<> wait_idly();

  Server& server_;
  Committer committer_;
  std::deque<Job> jobs_;
  std::deque<std::shared_ptr<Flight>> flights_;  ///< those that were sent, in that order
  Signal work_;
  sql::PruneSchedule prunes_;
  bool is_stopping_ = false;
  std::optional<Error> dead_;  ///< why nothing is written any more
};

}  // namespace croft::postgres
