#include "core/store/postgres/writer.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "core/store/postgres/bulk.hpp"
#include "core/store/sql/writes.hpp"

namespace croft::postgres {

namespace {

// A batch this large fills the pipe well enough, and nobody waits long for the end of it.
constexpr std::size_t kWritesInBatch = 2'000;
// Two keep the server and us busy at once; more would only make batches smaller.
constexpr std::size_t kFlights = 2;
// Fewer statements than this go as they are, and tell at once which of them is refused.
constexpr std::size_t kWorthBulk = 6;
constexpr Duration kRenewal{5'000};
constexpr Duration kLookForOverdue{200};

}  // namespace

void Writer::submit(Transaction transaction, Promise<void> promise) {
  if (dead_) return promise.answer(fail(*dead_));
  jobs_.push_back(
      {std::move(transaction), std::move(promise), Clock::now() + server_.options().patience});
  work_.notify();
}

void Writer::stop() {
  is_stopping_ = true;
  committer_.stop_by(Clock::now() + server_.options().patience);
  work_.notify();
}

Task<> Writer::run() {
  try {
    co_await write_all();
  } catch (const std::exception& failure) {
    die(failure.what());
  }
}

// Nobody may wait for answers that will never come.
void Writer::die(const std::string& why) {
  log_error("store", "the writer ended with an exception; nothing is written until Croft restarts",
            {{"what", why}});
  dead_ = Error(ErrorCode::Internal, "the store's writer has ended: " + why)
              .with_hint("restart Croft, and report what its log says");
  for (const std::shared_ptr<Flight>& flight : std::exchange(flights_, {})) {
    for (Job& job : flight->jobs)
      job.promise.answer(fail(Error(*dead_).while_doing("waiting for what became of a commit")));
  }
  for (Job& job : std::exchange(jobs_, {})) job.promise.answer(fail(*dead_));
}

Task<> Writer::write_all() {
  while (!is_stopping_ || !jobs_.empty() || !flights_.empty()) {
    if (!flights_.empty() && flights_.front()->reply) {
      co_await land();
      continue;
    }
    const bool has_work = !jobs_.empty() || prunes_.is_due();
    if (flights_.empty() && !has_work) {
      co_await wait_idly();
    } else if (!has_work || flights_.size() == kFlights) {
      (void)co_await work_.wait(kRenewal);
    } else if (!flights_.empty() || committer_.is_connected()) {
      take_off(next_flight());
    } else {
      std::shared_ptr<Flight> first = next_flight();
      co_await commit_alone(std::move(first), std::nullopt);
    }
  }
  co_await committer_.release();
}

Task<> Writer::wait_idly() {
  const bool is_woken = co_await work_.wait(kRenewal);
  if (is_woken || committer_.is_taken_over()) co_return;
  const Result<void> renewed = co_await committer_.renew();
  if (!renewed)
    log_warning("store", "the database is away", {{"error", renewed.error().describe()}});
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
Result<void> plan_all(const Transaction& transaction, Batch& batch) {
  const std::size_t before = batch.statements.size();
  for (const Write& write : transaction.writes) {
    Result<void> planned = sql::plan(write, batch.statements);
    if (!planned) {
      batch.statements.resize(before);
      batch.writes.resize(before);
      return planned;
    }
    batch.writes.resize(batch.statements.size(), &write);
  }
  return {};
}

}  // namespace

std::unique_ptr<Writer::Flight> Writer::plan_flight(std::vector<Job> jobs) {
  auto flight = std::make_unique<Flight>();
  Batch& batch = flight->batch;
  flight->jobs.reserve(jobs.size());  // the writes stay where the batch points to
  for (Job& job : jobs) {
    flight->jobs.push_back(std::move(job));
    Job& kept = flight->jobs.back();
    const Result<void> planned = plan_all(kept.transaction, batch);
    if (planned) {
      batch.give_up = std::max(batch.give_up, kept.give_up);
      continue;
    }
    kept.promise.answer(planned);
    flight->jobs.pop_back();
  }
  flight->is_alone = flight->jobs.size() == 1;
  return flight;
}

std::unique_ptr<Writer::Flight> Writer::next_flight() {
  if (prunes_.is_due()) {
    prunes_.begin();
    // Failing costs nothing but space: the next prune is due soon, and whoever commits is told what
    // is wrong.
    auto prune = std::make_unique<Flight>();
    prune->batch.statements = sql::plan_prune(server_.options().history, SystemClock().now());
    prune->batch.give_up = Clock::now();
    return prune;
  }
  std::unique_ptr<Flight> flight = plan_flight(take_jobs());
  for (const Job& job : flight->jobs) prunes_.note_writes(job.transaction.writes.size());
  if (flight->batch.statements.size() >= kWorthBulk) {
    flight->batch.statements = in_bulk(std::move(flight->batch.statements));
    flight->batch.writes.clear();
    flight->is_alone = false;
  }
  return flight;
}

void Writer::take_off(std::shared_ptr<Flight> flight) {
  if (flight->is_empty()) return;
  const Committer::Sent* const before = flights_.empty() ? nullptr : &flights_.back()->sent;
  flight->sent = committer_.send(flight->batch, before);
  flights_.push_back(flight);
  spawn(server_.executor(), fly(std::move(flight)), "store batch");
}

Task<> Writer::fly(std::shared_ptr<Flight> flight) {
  flight->reply = co_await committer_.answer_to(flight->sent);
  work_.notify();
}

Task<> Writer::land() {
  if (flights_.front()->reply->fate != Reply::Fate::Done) co_return co_await land_in_trouble();
  const std::shared_ptr<Flight> flight = std::move(flights_.front());
  flights_.pop_front();
  for (Job& job : flight->jobs) job.promise.answer(Result<void>());
}

Task<> Writer::land_in_trouble() {
  for (const std::shared_ptr<Flight>& flight : flights_) {
    while (!flight->reply) (void)co_await work_.wait(kRenewal);
  }
  const std::deque<std::shared_ptr<Flight>> flights = std::exchange(flights_, {});
  std::vector<std::optional<Result<void>>> outcomes(flights.size());
  Flight& first = *flights.front();
  if (first.reply->fate == Reply::Fate::Lost) {
    const Result<std::int64_t> last = co_await committer_.read_back(first.reply->error);
    for (std::size_t i = 0; i < flights.size(); ++i) {
      if (!last) outcomes[i] = fail(last.error());
      if (last && flights[i]->sent.number <= *last) outcomes[i] = Result<void>();
    }
  } else {
    outcomes[0] = co_await committer_.settle_refused(first.batch, std::move(*first.reply));
  }
  for (std::size_t i = 0; i < flights.size(); ++i)
    co_await commit_alone(flights[i], std::move(outcomes[i]));
}

Task<> Writer::commit_alone(std::shared_ptr<Flight> flight, std::optional<Result<void>> outcome) {
  if (flight->is_empty()) co_return;
  if (!outcome) outcome = co_await committer_.commit(flight->batch);
  // One took the others down, or it is not known which row was refused: those that can succeed
  // alone shall. A server that is away is so for all of them.
  if (*outcome || flight->is_alone || is_away(outcome->error()) || committer_.is_taken_over()) {
    for (Job& job : flight->jobs) job.promise.answer(*outcome);
    co_return;
  }
  for (Job& job : flight->jobs) {
    std::vector<Job> one;
    one.push_back(std::move(job));
    const std::unique_ptr<Flight> single = plan_flight(std::move(one));
    if (single->jobs.empty()) continue;
    Result<void> done = co_await committer_.commit(single->batch);
    single->jobs.front().promise.answer(std::move(done));
  }
}

}  // namespace croft::postgres
