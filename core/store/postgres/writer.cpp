#include "core/store/postgres/writer.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "core/store/postgres/bulk.hpp"
#include "core/store/sql/statements.hpp"
#include "core/store/sql/writes.hpp"

namespace croft::postgres {

namespace {

using sql::Cell;

// A batch this large fills the pipe well enough, and nobody waits long for the end of it.
constexpr std::size_t kWritesInBatch = 2'000;
// Bounds are overshot by this much at most; a prune then costs as little as the appends that made
// it due.
constexpr std::size_t kWritesBetweenPrunes = 1'000;
// Fewer statements than this go as they are, and tell at once which of them is refused.
constexpr std::size_t kWorthBulk = 6;
constexpr Duration kRenewal{5'000};
constexpr Duration kLookForOverdue{200};
constexpr Duration kFirstPause{50};
constexpr Duration kLongestPause{2'000};
// What each batch begins with: BEGIN, its settings, its number.
constexpr std::size_t kFence = 2;
constexpr std::size_t kPreamble = 3;

}  // namespace

void Writer::submit(Transaction transaction, Promise<void> promise) {
  jobs_.push_back(
      {std::move(transaction), std::move(promise), Clock::now() + server_.options().patience});
  work_.notify();
}

void Writer::stop() {
  stop_by_ = Clock::now() + server_.options().patience;
  work_.notify();
}

bool Writer::is_out_of_time() const { return stop_by_ && Clock::now() >= *stop_by_; }

Task<> Writer::run() {
  writes_since_prune_ = kWritesBetweenPrunes;  // a run that ended early left its prune to this one
  for (;;) {
    if (jobs_.empty() && stop_by_) break;
    if (jobs_.empty()) {
      const bool has_work = co_await work_.wait(kRenewal);
      if (!has_work) co_await renew();
      continue;
    }
    std::vector<Job> jobs = take_jobs();
    std::size_t writes = 0;
    for (const Job& job : jobs) writes += job.transaction.writes.size();
    co_await commit_jobs(std::move(jobs));
    co_await prune_when_due(writes);
  }
  co_await release();
}

Task<> Writer::answer_overdue() {
  for (;;) {
    co_await sleep_for(kLookForOverdue);
    const auto is_due = [now = Clock::now()](const Job& job) { return now < job.give_up; };
    const auto due = std::ranges::find_if(jobs_, is_due);
    std::vector<Job> overdue(std::make_move_iterator(jobs_.begin()), std::make_move_iterator(due));
    jobs_.erase(jobs_.begin(), due);
    for (Job& job : overdue) {
      job.promise.answer(fail(
          Error(ErrorCode::Unavailable, fmt::format("{} does not answer", server_.target().name))
              .with_hint("nothing of this was written; Croft connects again by itself")));
    }
  }
}

std::vector<Writer::Job> Writer::take_jobs() {
  std::vector<Job> jobs;
  for (std::size_t writes = 0; !jobs_.empty() && writes < kWritesInBatch;) {
    writes += jobs_.front().transaction.writes.size();
    jobs.push_back(std::move(jobs_.front()));
    jobs_.pop_front();
  }
  return jobs;
}

namespace {

/// Leaves nothing of a transaction that cannot be written.
Result<void> plan_all(const Transaction& transaction, std::vector<sql::Statement>& statements,
                      std::vector<const Write*>& writes) {
  const std::size_t before = statements.size();
  for (const Write& write : transaction.writes) {
    Result<void> planned = sql::plan(write, statements);
    if (!planned) {
      statements.resize(before);
      writes.resize(before);
      return planned;
    }
    writes.resize(statements.size(), &write);
  }
  return {};
}

}  // namespace

Task<> Writer::commit_jobs(std::vector<Job> jobs) {
  Batch batch{.give_up = Clock::now()};
  std::vector<Job> planned;
  planned.reserve(jobs.size());  // the writes stay where the batch points to
  for (Job& job : jobs) {
    planned.push_back(std::move(job));
    const Result<void> done = plan_all(planned.back().transaction, batch.statements, batch.writes);
    if (done) {
      batch.give_up = std::max(batch.give_up, planned.back().give_up);
      continue;
    }
    planned.back().promise.answer(done);
    planned.pop_back();
  }
  if (planned.empty()) co_return;
  const bool is_bulk = batch.statements.size() >= kWorthBulk;
  if (is_bulk)
    batch = {.statements = in_bulk(std::move(batch.statements)), .give_up = batch.give_up};
  const bool is_one = planned.size() == 1 && !is_bulk;
  const Result<void> committed = co_await commit(std::move(batch));
  // One took the others down, or it is not known which row was refused: those that can succeed
  // alone shall. A server that is away is so for all of them.
  if (committed || is_one || is_away(committed.error()) || is_taken_over_) {
    for (Job& job : planned) job.promise.answer(committed);
    co_return;
  }
  for (Job& job : planned) co_await commit_alone(std::move(job));
}

Task<> Writer::commit_alone(Job job) {
  Batch batch{.give_up = job.give_up};
  Result<void> done = plan_all(job.transaction, batch.statements, batch.writes);
  if (done) done = co_await commit(std::move(batch));
  job.promise.answer(std::move(done));
}

Task<> Writer::prune_when_due(std::size_t writes) {
  writes_since_prune_ += writes;
  if (writes_since_prune_ < kWritesBetweenPrunes) co_return;
  writes_since_prune_ = 0;
  Batch batch{.give_up = Clock::now()};
  batch.statements = sql::plan_prune(server_.options().event_limit, server_.options().intent_limit);
  // Failing costs nothing but space: the next prune is due soon, and whoever commits is told what
  // is wrong.
  (void)co_await commit(std::move(batch));
}

/// A sign of life, and the way to notice a dead connection before somebody needs it.
Task<> Writer::renew() {
  if (is_taken_over_) co_return;
  Batch batch{.give_up = Clock::now()};
  const Result<void> renewed = co_await commit(std::move(batch));
  if (!renewed)
    log_warning("store", "the database is away", {{"error", renewed.error().describe()}});
}

Task<> Writer::release() {
  if (is_taken_over_) co_return;
  if (!link_ && !co_await connect(Clock::now())) co_return;
  std::vector<sql::Statement> statements{
      {sql::kReleaseWriter, {Cell(lease_.holder), Cell(lease_.epoch)}}};
  (void)co_await link_->run(std::move(statements), server_.options().patience);
}

Task<Result<void>> Writer::commit(Batch batch) {
  ++batch_;
  Duration pause = kFirstPause;
  for (;;) {
    if (is_taken_over_) co_return taken_over();
    if (is_out_of_time())
      co_return fail(ErrorCode::Unavailable, "the store is being closed; nothing was written");
    // One that was closed meanwhile leaves nothing unknown.
    if (link_ && !link_->is_open()) link_.reset();
    if (!link_) {
      CO_TRY(co_await connect(batch.give_up));
    }
    std::optional<Result<void>> outcome = co_await attempt(batch);
    if (outcome) co_return std::move(*outcome);
    co_await sleep_for(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

Task<std::optional<Result<void>>> Writer::attempt(const Batch& batch) {
  std::vector<sql::Statement> statements;
  statements.reserve(batch.statements.size() + kPreamble + 1);
  statements.push_back({sql::kBegin, {}});
  statements.push_back(server_.set_transaction());
  statements.push_back(
      {sql::kBeginBatch,
       {Cell(lease_.holder), Cell(lease_.epoch), Cell(lease_.description), Cell(batch_)}});
  statements.insert(statements.end(), batch.statements.begin(), batch.statements.end());
  statements.push_back({sql::kCommit, {}});
  Reply reply = co_await link_->run(std::move(statements), server_.timeout());
  switch (reply.fate) {
    case Reply::Fate::Done:
      co_return Result<void>();
    case Reply::Fate::Refused:
      co_return co_await settle_refused(batch, std::move(reply));
    case Reply::Fate::Lost:
      break;
  }
  log_warning("store", "the connection broke in a commit; reading back what became of it",
              {{"error", reply.error.describe()}});
  std::optional<Result<void>> settled = co_await settle_lost();
  if (!settled && Clock::now() >= batch.give_up) settled = fail(std::move(reply.error));
  co_return settled;
}

Task<std::optional<Result<void>>> Writer::settle_refused(const Batch& batch, Reply reply) {
  std::vector<sql::Statement> rollback{{sql::kRollback, {}}};
  const Reply ended = co_await link_->run(std::move(rollback), server_.timeout());
  // A server that takes no writes is no primary: the next connection may find one.
  if (ended.fate != Reply::Fate::Done || reply.state == "25006") link_.reset();
  if (server_.is_unprepared(reply)) co_return std::nullopt;
  const bool is_fence = reply.refused == kFence && reply.error.code() == ErrorCode::Conflict;
  if (is_fence) {
    is_taken_over_ = true;
    log_error("store", "another croft writes to this database now", {});
    co_return taken_over();
  }
  const bool is_worth_another = is_away(reply.error);
  if (is_worth_another && Clock::now() < batch.give_up && !is_out_of_time()) co_return std::nullopt;
  const std::size_t index = reply.refused - std::min(reply.refused, kPreamble);
  if (reply.refused >= kPreamble && index < batch.writes.size())
    co_return fail(sql::explain(*batch.writes[index], std::move(reply.error)));
  co_return fail(std::move(reply.error));
}

Task<std::optional<Result<void>>> Writer::settle_lost() {
  link_.reset();
  Duration pause = kFirstPause;
  while (!is_taken_over_ && !is_out_of_time()) {
    const std::optional<std::int64_t> last = co_await find_last_batch();
    if (last && *last == batch_) co_return Result<void>();
    if (last) co_return std::nullopt;
    co_await sleep_for(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
  if (is_taken_over_) co_return taken_over();
  co_return fail(Error(ErrorCode::Unavailable,
                       fmt::format("{}: the connection broke in a commit, and what became of it is "
                                   "not known",
                                   server_.target().name)));
}

/// Connects if it can, and asks. Each question raises the epoch, even if its answer is lost.
Task<std::optional<std::int64_t>> Writer::find_last_batch() {
  if (!link_) {
    const Result<void> connected = co_await connect(Clock::now());
    if (!connected) co_return std::nullopt;
  }
  ++lease_.epoch;
  std::vector<sql::Statement> statements{
      {sql::kBegin, {}},
      server_.set_transaction(),
      {sql::kFindBatch, {Cell(lease_.holder), Cell(lease_.epoch), Cell(lease_.description)}},
      {sql::kCommit, {}}};
  const Reply reply = co_await link_->run(std::move(statements), server_.timeout());
  if (reply.fate != Reply::Fate::Done) {
    (void)server_.is_unprepared(reply);
    link_.reset();
    co_return std::nullopt;
  }
  const PGresult* const found = reply.answers[kFence].get();
  if (PQntuples(found) == 1) co_return AnswerRow(found, 0).integer(0);
  is_taken_over_ = true;
  co_return std::nullopt;
}

/// Tries at least once, and until then.
Task<Result<void>> Writer::connect(Clock::time_point give_up) {
  Duration pause = kFirstPause;
  for (;;) {
    Result<std::unique_ptr<Link>> link = co_await server_.connect();
    if (link) {
      link_ = std::move(*link);
      co_return Result<void>();
    }
    if (Clock::now() >= give_up || is_out_of_time() || !is_away(link.error()))
      co_return fail(std::move(link.error()));
    co_await sleep_for(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

Result<void> Writer::taken_over() const {
  return fail(Error(ErrorCode::Conflict,
                    fmt::format("another croft writes to {} now", server_.target().name))
                  .with_hint("stop one of the two; this one writes nothing any more"));
}

}  // namespace croft::postgres
