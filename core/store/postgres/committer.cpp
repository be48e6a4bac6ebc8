#include "core/store/postgres/committer.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "core/store/sql/statements.hpp"
#include "core/store/sql/writes.hpp"

namespace croft::postgres {

namespace {

using sql::Cell;

constexpr Duration kFirstPause{50};
constexpr Duration kLongestPause{2'000};
// What each batch begins with: BEGIN, its settings, its number.
constexpr std::size_t kFence = 2;
constexpr std::size_t kPreamble = 3;

}  // namespace

Committer::Sent Committer::send(const Batch& batch, const Sent* before) {
  Sent sent{.number = ++batch_, .run = nullptr};
  std::vector<sql::Statement> statements;
  statements.reserve(batch.statements.size() + kPreamble + 1);
  statements.push_back({sql::kBegin, {}});
  statements.push_back(server_.set_transaction());
  statements.push_back({sql::kBeginBatch,
                        {Cell(lease_.holder), Cell(lease_.epoch), Cell(lease_.description),
                         Cell(sent.number), before != nullptr ? Cell(before->number) : Cell()}});
  statements.insert(statements.end(), batch.statements.begin(), batch.statements.end());
  statements.push_back({sql::kCommit, {}});
  sent.run = link_->send(statements, server_.timeout());
  return sent;
}

Task<Reply> Committer::answer_to(Sent sent) {
  co_return co_await link_->answer_to(std::move(sent.run));
}

Task<Result<void>> Committer::commit(const Batch& batch) {
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

Task<std::optional<Result<void>>> Committer::attempt(const Batch& batch) {
  Sent sent = send(batch, nullptr);
  const std::int64_t number = sent.number;
  Reply reply = co_await answer_to(std::move(sent));
  if (reply.fate == Reply::Fate::Done) co_return Result<void>();
  if (reply.fate == Reply::Fate::Refused)
    co_return co_await settle_refused(batch, std::move(reply));
  Error lost = reply.error;
  const Result<std::int64_t> last = co_await read_back(std::move(lost));
  if (!last) co_return fail(last.error());
  if (*last == number) co_return Result<void>();
  if (Clock::now() >= batch.give_up) co_return fail(std::move(reply.error));
  co_return std::nullopt;
}

Task<std::optional<Result<void>>> Committer::settle_refused(const Batch& batch, Reply reply) {
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

Task<Result<std::int64_t>> Committer::read_back(Error lost) {
  log_warning("store", "the connection broke in a commit; reading back what became of it",
              {{"error", lost.describe()}});
  link_.reset();
  Duration pause = kFirstPause;
  while (!is_taken_over_ && !is_out_of_time()) {
    const std::optional<std::int64_t> last = co_await find_last_batch();
    if (last) co_return *last;
    co_await sleep_for(pause);
    pause = std::min(pause * 2, kLongestPause);
  }
  if (is_taken_over_) co_return fail(taken_over().error());
  co_return fail(Error(ErrorCode::Unavailable,
                       fmt::format("{}: the connection broke in a commit, and what became of it is "
                                   "not known",
                                   server_.target().name)));
}

/// Connects if it can, and asks. Each question raises the epoch, even if its answer is lost.
Task<std::optional<std::int64_t>> Committer::find_last_batch() {
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
Task<Result<void>> Committer::connect(Clock::time_point give_up) {
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

Task<Result<void>> Committer::renew() {
  const Batch nothing{.give_up = Clock::now()};
  co_return co_await commit(nothing);
}

Task<> Committer::release() {
  if (is_taken_over_) co_return;
  if (!link_ && !co_await connect(Clock::now())) co_return;
  std::vector<sql::Statement> statements{
      {sql::kReleaseWriter, {Cell(lease_.holder), Cell(lease_.epoch)}}};
  (void)co_await link_->run(std::move(statements), server_.options().patience);
}

Result<void> Committer::taken_over() const {
  return fail(Error(ErrorCode::Conflict,
                    fmt::format("another croft writes to {} now", server_.target().name))
                  .with_hint("stop one of the two; this one writes nothing any more"));
}

}  // namespace croft::postgres
