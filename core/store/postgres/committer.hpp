#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "core/store/postgres/lease.hpp"
#include "core/store/postgres/server.hpp"
#include "core/store/transaction.hpp"

namespace croft::postgres {

/// Statements that are committed together.
struct Batch {
  using Clock = std::chrono::steady_clock;

  std::vector<sql::Statement> statements;
  std::vector<const Write*> writes;  ///< which one each statement is of; empty if that is not known
  Clock::time_point give_up;         ///< when it fails if the server is away
};

/// Commits batches under the lease, over one connection, and finds out what became of them. On the
/// store's thread.
class Committer {
 public:
  Committer(Server& server, Lease lease) : server_(server), lease_(std::move(lease)) {}

  /// A batch that was sent.
  struct Sent {
    std::int64_t number = 0;
    std::shared_ptr<Link::Run> run;
  };
  /// True if there is a connection to send over. Not while a batch is on its way.
  bool is_connected() { return link_ && link_->is_open() && !is_taken_over_; }
  /// Sends a batch that takes effect only if the one before it does, which may be on its way still.
  /// Connected.
  Sent send(const Batch& batch, const Sent* before);
  Task<Reply> answer_to(Sent sent);

  // No batch may be on its way during what follows.

  /// Commits a batch once, whatever happens to connections.
  Task<Result<void>> commit(const Batch& batch);
  /// What a refused one of the connection's comes to; nullopt if it is to be tried again.
  Task<std::optional<Result<void>>> settle_refused(const Batch& batch, Reply reply);
  /// After a lost connection: the number of the last batch that was committed. None that was sent
  /// before is committed any more.
  Task<Result<std::int64_t>> read_back(Error lost);
  /// A sign of life, and the way to notice a dead connection before somebody needs it.
  Task<Result<void>> renew();
  /// Lets others write.
  Task<> release();

  void stop_by(Batch::Clock::time_point time) { stop_by_ = time; }
  bool is_taken_over() const { return is_taken_over_; }

 private:
  using Clock = Batch::Clock;

  /// One attempt; nullopt if it did not happen and is to be made again.
  Task<std::optional<Result<void>>> attempt(const Batch& batch);
  Task<Result<void>> connect(Clock::time_point give_up);
  Task<std::optional<std::int64_t>> find_last_batch();
  Result<void> taken_over() const;
  bool is_out_of_time() const { return stop_by_ && Clock::now() >= *stop_by_; }

  Server& server_;
  Lease lease_;
  std::int64_t batch_ = 0;
  std::unique_ptr<Link> link_;
  bool is_taken_over_ = false;
  std::optional<Clock::time_point> stop_by_;  ///< once stopping
};

}  // namespace croft::postgres
