#include "core/store/postgres/link.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/base/id.hpp"

namespace croft::postgres {

namespace {

using asio::posix::stream_descriptor;

/// Statements of a text have one name, here and on every other connection.
std::string name_of(std::string_view text) { return "croft_" + sha256_hex(text).substr(0, 20); }

}  // namespace

struct Link::Socket {
  explicit Socket(const asio::any_io_executor& executor) : descriptor(executor) {}

  stream_descriptor descriptor;
};

struct Link::Run {
  Run(const asio::any_io_executor& executor, Duration timeout) : bell(executor, timeout) {}

  /// The preparation of a text, or its execution: one answer each.
  struct Command {
    std::string_view text;
    bool is_preparation;
  };

  std::vector<Command> commands;  ///< in the order in which they were sent
  std::size_t answered = 0;
  std::size_t failed = 0;  ///< the command that was refused, if one was
  Reply reply;
  bool is_over = false;
  asio::steady_timer bell;  ///< rings when it is over, or should be
};

Link::Link(const asio::any_io_executor& executor, const Target& target, Handle handle,
           Preparing& preparing, std::unique_ptr<Socket> socket)
    : executor_(executor),
      target_(target),
      handle_(std::move(handle)),
      preparing_(preparing),
      socket_(std::move(socket)) {
  PQsetnonblocking(handle_.get(), 1);
  PQenterPipelineMode(handle_.get());
}

Result<std::unique_ptr<Link>> Link::over(const asio::any_io_executor& executor,
                                         const Target& target, Handle handle,
                                         Preparing& preparing) {
  const auto unwatched = [&](const std::string& why) {
    return fail(Error(ErrorCode::Unavailable,
                      fmt::format("{}: the connection cannot be watched: {}", target.name, why))
                    .with_hint("raise the limit of open files (LimitNOFILE of the service); Croft "
                               "tries again by itself"));
  };
  // A number of our own: libpq closes its own when it likes, and somebody else gets it then.
  UniqueFd number(::fcntl(PQsocket(handle.get()), F_DUPFD_CLOEXEC, 0));
  if (!number.is_open()) return unwatched(std::generic_category().message(errno));
  auto socket = std::make_unique<Socket>(executor);
  boost::system::error_code problem;
  (void)socket->descriptor.assign(number.get(), problem);
  if (problem) return unwatched(problem.message());
  (void)number.release();  // the descriptor closes it now
  return std::unique_ptr<Link>(
      new Link(executor, target, std::move(handle), preparing, std::move(socket)));
}

Link::~Link() = default;

bool Link::is_open() {
  if (is_lost_) return false;
  // The last words of a server come before the end of the connection.
  const bool has_input = PQconsumeInput(handle_.get()) == 1 && PQconsumeInput(handle_.get()) == 1;
  return has_input && PQstatus(handle_.get()) == CONNECTION_OK;
}

bool Link::send(const sql::Statement& statement, Run& run) {
  PGconn* const connection = handle_.get();
  const std::string text(statement.text);
  const Parameters parameters(statement.cells, statement.is_binary);
  if (!preparing_.is_on) {
    run.commands.push_back({statement.text, false});
    return PQsendQueryParams(connection, text.c_str(), parameters.count(), nullptr,
                             parameters.values(), parameters.lengths(), parameters.formats(),
                             0) == 1;
  }
  auto known = prepared_.find(statement.text);
  if (known == prepared_.end()) {
    known = prepared_.emplace(statement.text, name_of(statement.text)).first;
    run.commands.push_back({statement.text, true});
    if (PQsendPrepare(connection, known->second.c_str(), text.c_str(), 0, nullptr) != 1)
      return false;
  }
  run.commands.push_back({statement.text, false});
  return PQsendQueryPrepared(connection, known->second.c_str(), parameters.count(),
                             parameters.values(), parameters.lengths(), parameters.formats(),
                             0) == 1;
}

std::shared_ptr<Link::Run> Link::send(const std::vector<sql::Statement>& statements,
                                      Duration timeout) {
  auto run = std::make_shared<Run>(executor_, timeout);
  runs_.push_back(run);
  const auto send_one = [&](const sql::Statement& each) { return send(each, *run); };
  const bool is_sent =
      !is_lost_ && std::ranges::all_of(statements, send_one) && PQpipelineSync(handle_.get()) == 1;
  if (!is_sent) lose_all();
  return run;
}

Task<Reply> Link::run(std::vector<sql::Statement> statements, Duration timeout) {
  std::shared_ptr<Run> sent = send(statements, timeout);
  co_return co_await answer_to(std::move(sent));
}

Task<Reply> Link::answer_to(std::shared_ptr<Run> run) {
  while (!run->is_over) {
    const int unsent = PQflush(handle_.get());
    take();
    if (run->is_over) break;
    bool is_alive = unsent >= 0 && PQstatus(handle_.get()) == CONNECTION_OK;
    if (is_alive) is_alive = co_await wait(unsent == 1, run->bell);
    if (run->is_over) break;
    if (!is_alive || PQconsumeInput(handle_.get()) != 1) lose_all();
  }
  co_return std::move(run->reply);
}

void Link::take() {
  while (!runs_.empty() && PQisBusy(handle_.get()) == 0) {
    Answer answer(PQgetResult(handle_.get()));
    // Nothing ends the answer of a command; nothing again says that no more has arrived.
    if (!answer && PQisBusy(handle_.get()) == 0) answer.reset(PQgetResult(handle_.get()));
    if (!answer) return;
    Run& run = *runs_.front();
    if (PQresultStatus(answer.get()) != PGRES_PIPELINE_SYNC) {
      note(std::move(answer), run);
      continue;
    }
    forget_unprepared(run);
    run.is_over = true;
    run.bell.cancel();
    runs_.pop_front();
  }
}

void Link::note(Answer answer, Run& run) {
  const std::size_t index = run.answered++;
  Reply& reply = run.reply;
  if (reply.fate == Reply::Fate::Refused) return;  // the rest was not run
  const ExecStatusType status = PQresultStatus(answer.get());
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
    const bool is_preparation = index < run.commands.size() && run.commands[index].is_preparation;
    if (!is_preparation) reply.answers.push_back(std::move(answer));
    return;
  }
  run.failed = index;
  reply.fate = Reply::Fate::Refused;
  reply.refused = reply.answers.size();
  reply.state = state_of(answer.get());
  reply.error = error_of(answer.get(), target_);
}

void Link::forget_unprepared(const Run& run) {
  if (run.reply.fate == Reply::Fate::Done) return;
  for (std::size_t i = run.failed; i < run.commands.size(); ++i) {
    if (run.commands[i].is_preparation) prepared_.erase(run.commands[i].text);
  }
}

void Link::lose_all() {
  is_lost_ = true;
  for (const std::shared_ptr<Run>& run : std::exchange(runs_, {})) {
    run->reply = {.fate = Reply::Fate::Lost, .error = connection_lost(handle_.get(), target_)};
    run->is_over = true;
    run->bell.cancel();
  }
}

/// False if the deadline came first.
Task<bool> Link::wait(bool also_writable, asio::steady_timer& deadline) {
  namespace experimental = asio::experimental;
  auto readable = socket_->descriptor.async_wait(stream_descriptor::wait_read, asio::deferred);
  auto expiry = deadline.async_wait(asio::deferred);
  const auto first = experimental::wait_for_one();
  const auto token = asio::as_tuple(asio::use_awaitable);
  if (also_writable) {
    auto writable = socket_->descriptor.async_wait(stream_descriptor::wait_write, asio::deferred);
    auto group = experimental::make_parallel_group(std::move(readable), std::move(writable),
                                                   std::move(expiry));
    const auto outcome = co_await group.async_wait(first, token);
    co_return std::get<0>(outcome)[0] != 2;
  }
  auto group = experimental::make_parallel_group(std::move(readable), std::move(expiry));
  const auto outcome = co_await group.async_wait(first, token);
  co_return std::get<0>(outcome)[0] != 1;
}

Task<bool> Link::listen(Duration timeout, std::vector<std::string>& payloads) {
  asio::steady_timer deadline(co_await asio::this_coro::executor, timeout);
  const bool is_readable = co_await wait(false, deadline);
  if (is_readable && PQconsumeInput(handle_.get()) != 1) co_return false;
  while (PGnotify* const notice = PQnotifies(handle_.get())) {
    payloads.emplace_back(notice->extra);
    PQfreemem(notice);
  }
  co_return PQstatus(handle_.get()) == CONNECTION_OK;
}

}  // namespace croft::postgres
