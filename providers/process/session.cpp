#include "providers/process/session.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/write.hpp>

namespace croft {

namespace {

using Descriptor = asio::posix::stream_descriptor;

constexpr std::size_t kPiece = 32U << 10U;
/// What ends the input of whoever reads a terminal, unless it was told otherwise.
constexpr const char* kEndOfInput = "\x04";
/// Whichever shell is there; every sandbox has sh.
constexpr const char* kAnyShell = "command -v bash >/dev/null 2>&1 && exec bash || exec sh";

/// One of the command's outputs.
struct Output {
  Output(Descriptor from, ExecSession::Stream which) : descriptor(std::move(from)), stream(which) {}
  Descriptor descriptor;
  ExecSession::Stream stream;
  bool is_awaited = false;
  bool is_over = false;
};

/// What a session and the coroutines that wait for it share.
struct Shared {
  Shared(asio::any_io_executor executor, ShimClient shim)
      : client(std::move(shim)), changed(executor) {}
  ShimClient client;
  Signal changed;  ///< something can be read, or it has ended
  std::vector<std::shared_ptr<Output>> outputs;
  std::optional<Result<int>> status;  ///< once it has ended
  bool is_closed = false;
};

using SharedPtr = std::shared_ptr<Shared>;

Task<> await_exit(SharedPtr shared) {
  const Result<shim::Line> line = co_await shared->client.next();
  if (line && line->verb == "exited") {
    shared->status = static_cast<int>(line->number("status", 255));
  } else {
    shared->status = std::unexpected(
        Error(ErrorCode::Unavailable, "the app's supervisor ended, and the command with it"));
  }
  shared->changed.notify();
}

/// Notices that there is something to read; who reads asks for the next notice.
Task<> await_output(SharedPtr shared, std::shared_ptr<Output> output) {
  if (std::exchange(output->is_awaited, true)) co_return;
  co_await output->descriptor.async_wait(Descriptor::wait_read,
                                         asio::as_tuple(asio::use_awaitable));
  output->is_awaited = false;
  shared->changed.notify();
}

enum class Got { Bytes, Nothing, End };

Got take_from(Output& output, std::string& bytes) {
  bytes.resize(kPiece);
  const ssize_t count = ::read(output.descriptor.native_handle(), bytes.data(), bytes.size());
  bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  if (count > 0) return Got::Bytes;
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return Got::Nothing;
  return Got::End;  // of a terminal that nobody has open any more: EIO
}

class ProcessSession final : public ExecSession {
 public:
  ProcessSession(SharedPtr shared, std::optional<Descriptor> input, bool has_terminal)
      : shared_(std::move(shared)), input_(std::move(input)), has_terminal_(has_terminal) {}
  ~ProcessSession() override {
    shared_->is_closed = true;
    shared_->client.cancel();
    for (const auto& output : shared_->outputs) output->descriptor.close();
    shared_->changed.notify();
  }

  Task<Result<ExecSession::Output>> read() override {
    const SharedPtr shared = shared_;
    while (!shared->is_closed) {
      // Asked before the streams are: what it wrote before it ended is there by now.
      const bool has_ended = shared->status.has_value();
      if (std::optional<ExecSession::Output> got = next_output()) co_return std::move(*got);
      // Something that it left behind may hold its streams open for ever.
      if (has_ended) co_return ExecSession::Output{};
      co_await shared->changed.wait(Duration(3'600'000));
    }
    co_return fail(ErrorCode::Cancelled, "it was hung up");
  }

  Task<Result<void>> write(std::string bytes) override {
    Descriptor* into = input();
    if (into == nullptr) co_return fail(ErrorCode::Invalid, "its input was closed");
    auto [error, count] =
        co_await asio::async_write(*into, asio::buffer(bytes), asio::as_tuple(asio::use_awaitable));
    if (error) co_return fail(ErrorCode::Unavailable, "the command reads no more");
    co_return Result<void>();
  }

  Task<Result<void>> close_input() override {
    if (has_terminal_) {
      Result<void> done = co_await write(kEndOfInput);
      co_return done;
    }
    input_.reset();
    co_return Result<void>();
  }

  Task<Result<void>> resize(int rows, int columns) override {
    if (!has_terminal_) co_return fail(ErrorCode::Invalid, "the command has no terminal");
    const winsize size{static_cast<unsigned short>(rows), static_cast<unsigned short>(columns), 0,
                       0};
    const int fd = shared_->outputs.front()->descriptor.native_handle();
    if (::ioctl(fd, TIOCSWINSZ, &size) != 0)
      co_return fail(system_error(errno, "resizing the terminal"));
    co_return Result<void>();
  }

  Task<Result<int>> exit_status() override {
    const SharedPtr shared = shared_;
    while (!shared->status && !shared->is_closed)
      co_await shared->changed.wait(Duration(3'600'000));
    if (shared->status) co_return *shared->status;
    co_return fail(ErrorCode::Cancelled, "it was hung up");
  }

 private:
  Descriptor* input() {
    if (has_terminal_) return &shared_->outputs.front()->descriptor;
    return input_ ? &*input_ : nullptr;
  }

  /// In turns, so that one that never stops does not hide the other.
  std::optional<ExecSession::Output> next_output() {
    ExecSession::Output got;
    for (std::size_t i = 0; i < shared_->outputs.size(); ++i) {
      const auto& output = shared_->outputs[turn_++ % shared_->outputs.size()];
      if (output->is_over) continue;
      const Got what = take_from(*output, got.bytes);
      output->is_over = what == Got::End;
      got.stream = output->stream;
      if (what == Got::Bytes) return got;
      if (what == Got::Nothing && !output->is_awaited)
        spawn(output->descriptor.get_executor(), await_output(shared_, output), "exec output");
    }
    return std::nullopt;
  }

  SharedPtr shared_;
  std::optional<Descriptor> input_;
  bool has_terminal_;
  std::size_t turn_ = 0;
};

shim::Line open_line(const ExecRequest& request, Duration timeout) {
  shim::Line line("open");
  const std::vector<std::string> shell{"sh", "-c", kAnyShell};
  for (const std::string& argument : request.command.empty() ? shell : request.command)
    line.add("arg", argument);
  for (const auto& [name, value] : request.env) line.add("env", name + "=" + value);
  if (!request.working_dir.empty()) line.add("directory", request.working_dir);
  if (request.terminal)
    line.add("terminal", 1).add("rows", request.rows).add("columns", request.columns);
  line.add("timeout", timeout.count());
  return line;
}

Result<Descriptor> adopt(const asio::any_io_executor& executor, UniqueFd fd) {
  if (::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK) != 0)
    return fail(system_error(errno, "taking over a stream of the command"));
  boost::system::error_code error;
  Descriptor descriptor(executor);
  descriptor.assign(fd.get(), error);
  if (error) return fail(ErrorCode::Internal, "a stream of the command cannot be waited for");
  (void)fd.release();
  return descriptor;
}

/// A shim that is older than this Croft knows no sessions.
Error explained(Error error) {
  if (error.message().find("does not know 'open'") == std::string::npos) return error;
  return Error(ErrorCode::Conflict, "the app was started by an older Croft, which had no exec")
      .with_hint("croft restart it first");
}

}  // namespace

Task<Result<std::unique_ptr<ExecSession>>> open_session(ShimClient client, ExecRequest request,
                                                        Duration timeout) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto shared = std::make_shared<Shared>(executor, std::move(client));
  const Duration patience = timeout + Duration(5'000);
  const Result<shim::Line> answer =
      co_await shared->client.request(open_line(request, timeout), patience);
  if (!answer) co_return fail(explained(answer.error()));
  std::vector<UniqueFd> passed = shared->client.take_descriptors();
  const std::size_t expected = request.terminal ? 1 : 3;
  if (passed.size() != expected)
    co_return fail(ErrorCode::Internal, "the supervisor did not give the command's streams");
  std::optional<Descriptor> input;
  for (std::size_t i = 0; i < expected; ++i) {
    CO_TRY_ASSIGN(Descriptor descriptor, adopt(executor, std::move(passed[i])));
    const bool is_input = !request.terminal && i == 0;
    if (is_input) {
      input.emplace(std::move(descriptor));
      continue;
    }
    const auto stream = i == 2 ? ExecSession::Stream::Err : ExecSession::Stream::Out;
    shared->outputs.push_back(std::make_shared<Output>(std::move(descriptor), stream));
  }
  spawn(executor, await_exit(shared), "exec exit");
  co_return std::make_unique<ProcessSession>(shared, std::move(input), request.terminal);
}

}  // namespace croft
