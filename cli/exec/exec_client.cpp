#include "cli/exec/exec_client.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/signal_set.hpp>

#include "cli/exec/raw_terminal.hpp"
#include "core/base/files.hpp"
#include "gateway/api/exec_frames.hpp"
#include "gateway/api/json_forms.hpp"

namespace croft::cli {

namespace {

constexpr std::size_t kInputPiece = 16U << 10U;
constexpr Duration kHeartbeat{15'000};
constexpr Duration kLong{3'600'000};
constexpr int kReaderHasGone = 128 + SIGPIPE;

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EAGAIN) {
      // Whoever shares the terminal with us made it so.
      pollfd ready{fd, POLLOUT, 0};
      ::poll(&ready, 1, -1);
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

/// Standard input on a thread: it may be a file, a pipe or a terminal, which cannot all be waited
/// for in the same way.
class Input {
 public:
  Input() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  /// The next bytes; empty at the end, and once stop() was called. Blocks.
  std::string read() const {
    std::array<pollfd, 2> ready{pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{wake_.get(), POLLIN, 0}};
    for (;;) {
      if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return {};
      if (ready[1].revents != 0) return {};
      if (ready[0].revents == 0) continue;
      std::string bytes(kInputPiece, '\0');
      const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
      if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
      return bytes;
    }
  }
  void stop() const {
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
  }

 private:
  UniqueFd wake_;
};

/// One command, from this side. Its coroutines run on one loop.
class Exec {
 public:
  Exec(const Client& client, ExecPlan plan)
      : client_(client),
        plan_(std::move(plan)),
        writing_(io_.get_executor(), 1),
        taken_(io_.get_executor()) {}

  Result<int> run();

 private:
  Task<> converse();
  Task<Result<int>> listen();
  Task<Result<std::optional<int>>> take(ExecMessage message);
  Task<bool> send(std::string frame);
  Task<> send_input();
  Task<> keep_alive();
  Task<> watch_signals();
  void handle(int signal);
  Error lost() const;

  const Client& client_;
  ExecPlan plan_;
  asio::io_context io_{1};
  BlockingPool reading_{1};
  BlockingPool showing_{1};
  Input input_;
  std::optional<RawTerminal> terminal_;
  std::unique_ptr<ByteStream> link_;
  Semaphore writing_;
  Signal taken_;
  std::size_t in_flight_ = 0;  // bytes of input that have not reached the command
  asio::signal_set signals_{io_};
  Result<int> outcome_ = fail(ErrorCode::Internal, "the command was not run");
};

Result<int> Exec::run() {
  spawn(io_.get_executor(), converse(), "exec");
  io_.run();
  terminal_.reset();
  // A stream must not go while somebody waits for it.
  if (link_) link_->cancel();
  signals_.cancel();
  io_.restart();
  io_.poll();
  input_.stop();
  reading_.stop();
  showing_.stop();
  return std::move(outcome_);
}

Task<> Exec::converse() {
  Result<std::unique_ptr<ByteStream>> link =
      co_await client_.leave_http(plan_.target, plan_.body, std::string(kExecProtocol));
  if (!link) {
    outcome_ = std::unexpected(std::move(link).error());
    io_.stop();
    co_return;
  }
  link_ = std::move(*link);
  if (plan_.has_terminal && plan_.sends_input) {
    Result<RawTerminal> raw = RawTerminal::enter();
    if (raw) terminal_.emplace(std::move(*raw));
  }
  const asio::any_io_executor executor = io_.get_executor();
  spawn(executor, watch_signals(), "exec signals");
  spawn(executor, keep_alive(), "exec heartbeat");
  spawn(executor, send_input(), "exec input");
  outcome_ = co_await listen();
  io_.stop();
}

Error Exec::lost() const {
  return Error(ErrorCode::Unavailable,
               "the connection to croft at " + client_.where() +
                   " was lost before the command ended; so the command is ended, too")
      .with_hint("is `croft serve` still running? it ends commands when it stops");
}

Task<Result<int>> Exec::listen() {
  ExecFrameParser parser;
  for (;;) {
    const Result<std::string> bytes = co_await link_->read();
    if (!bytes || bytes->empty()) co_return fail(lost());
    parser.feed(*bytes);
    for (;;) {
      CO_TRY_ASSIGN(std::optional<ExecMessage> message, parser.next());
      if (!message) break;
      CO_TRY_ASSIGN(const std::optional<int> status, co_await take(std::move(*message)));
      if (status) co_return *status;
    }
  }
}

/// The exit status, once that has come.
Task<Result<std::optional<int>>> Exec::take(ExecMessage message) {
  if (message.type == ExecFrame::Output || message.type == ExecFrame::ErrorOutput) {
    const int fd = message.type == ExecFrame::Output ? STDOUT_FILENO : STDERR_FILENO;
    auto showing =
        showing_.run([fd, bytes = std::move(message.bytes)] { return write_all(fd, bytes); });
    const bool is_shown = co_await std::move(showing);
    if (!is_shown && fd == STDOUT_FILENO) co_return std::optional(kReaderHasGone);
  } else if (message.type == ExecFrame::Taken) {
    in_flight_ -= std::min<std::size_t>(in_flight_, exec_number(message).value_or(0));
    taken_.notify();
  } else if (message.type == ExecFrame::Exit) {
    co_return std::optional(static_cast<int>(exec_number(message).value_or(255) & 0xffU));
  } else if (message.type == ExecFrame::Failure) {
    co_return fail(error_from_answer(500, message.bytes));
  }
  co_return std::optional<int>();
}

Task<bool> Exec::send(std::string frame) {
  const Semaphore::Permit permit = co_await writing_.acquire();
  const Result<void> sent = co_await link_->write(std::move(frame));
  co_return sent.has_value();
}

Task<> Exec::send_input() {
  while (plan_.sends_input) {
    while (in_flight_ + kInputPiece > kExecWindow) co_await taken_.wait(kLong);
    auto reading = reading_.run([this] { return input_.read(); });
    const std::string bytes = co_await std::move(reading);
    if (bytes.empty()) break;
    in_flight_ += bytes.size();
    const bool is_sent = co_await send(exec_frame(ExecFrame::Input, bytes));
    if (!is_sent) co_return;
  }
  co_await send(exec_frame(ExecFrame::EndOfInput));
}

Task<> Exec::keep_alive() {
  for (;;) {
    co_await sleep_for(kHeartbeat);
    const bool is_sent = co_await send(exec_frame(ExecFrame::Ping));
    if (!is_sent) co_return;
  }
}

Task<> Exec::watch_signals() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) signals_.add(signal);
  if (plan_.has_terminal) {
    for (const int signal : {SIGWINCH, SIGTSTP, SIGCONT}) signals_.add(signal);
  }
  for (;;) {
    auto [error, signal] = co_await signals_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) co_return;
    handle(signal);
    if (signal != SIGWINCH && signal != SIGCONT) continue;
    const TerminalSize size = terminal_size();
    co_await send(exec_resize_frame(size.rows, size.columns));
  }
}

void Exec::handle(int signal) {
  if (signal == SIGWINCH) return;
  if (signal == SIGCONT) {
    if (terminal_) terminal_->resume();
    return;
  }
  if (terminal_) terminal_->pause();
  if (signal == SIGTSTP) {
    ::raise(SIGSTOP);
    return;
  }
  // As if nobody had listened: whoever waits for us learns of the signal, and the server of our
  // end.
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

}  // namespace

Result<int> run_exec(const Client& client, ExecPlan plan) {
  return Exec(client, std::move(plan)).run();
}

}  // namespace croft::cli
