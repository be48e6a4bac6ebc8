#include "providers/docker/exec_session.hpp"

#include <fmt/format.h>

#include "providers/docker/containers.hpp"
#include "providers/docker/exec_end.hpp"

namespace croft::docker {

namespace {

constexpr Duration kQuick{30'000};
constexpr Duration kStatusEvery{20};
constexpr Duration kStatusWithin{5'000};

Limit within(Duration duration) { return {std::chrono::steady_clock::now() + duration}; }

std::vector<std::string> some_shell() {
  return {"/bin/sh", "-c", "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi"};
}

/// The engine may say for a moment that it still runs.
Task<Result<int>> status_of(CorePtr core, std::string exec, Limit limit) {
  while (true) {
    CO_TRY_ASSIGN(const Value seen, co_await core->engine.execs().inspect(exec, limit.at));
    if (!seen.boolean_or("Running", false))
      co_return static_cast<int>(seen.integer_or("ExitCode", -1));
    CO_TRY(limit.check("the command's end was known"));
    co_await sleep_for(kStatusEvery);
  }
}

class DockerSession final : public ExecSession {
 public:
  DockerSession(CorePtr core, std::string exec, std::unique_ptr<ExecEnd> end,
                std::unique_ptr<AttachedStream> stream)
      : core_(std::move(core)),
        exec_(std::move(exec)),
        end_(std::move(end)),
        stream_(std::move(stream)) {}

  Task<Result<Output>> read() override {
    CO_TRY_ASSIGN(AttachedStream::Piece piece, co_await stream_->read());
    const Stream which = piece.stream == OutputStream::Err ? Stream::Err : Stream::Out;
    co_return Output{which, std::move(piece.bytes)};
  }
  Task<Result<void>> write(std::string bytes) override {
    Result<void> done = co_await stream_->write(std::move(bytes));
    co_return done;
  }
  Task<Result<void>> close_input() override {
    Result<void> done = co_await stream_->close_input();
    co_return done;
  }
  Task<Result<void>> resize(int rows, int columns) override {
    const Limit limit = within(kQuick);
    Result<void> done = co_await core_->engine.execs().resize(exec_, rows, columns, limit.at);
    co_return done;
  }
  Task<Result<int>> exit_status() override {
    Result<int> status = co_await status_of(core_, exec_, within(kStatusWithin));
    if (status) end_->has_ended();
    co_return status;
  }

 private:
  CorePtr core_;
  std::string exec_;
  std::unique_ptr<ExecEnd> end_;
  std::unique_ptr<AttachedStream> stream_;
};

Task<Result<ContainerSummary>> running_container(CorePtr core, std::string uid, Limit limit) {
  CO_TRY_ASSIGN(const ContainerSummary container, co_await current_container(core, uid, limit));
  if (!container.is_running())
    co_return fail(ErrorCode::Conflict, "it does not run, so no command can run inside");
  co_return container;
}

}  // namespace

Task<Result<std::unique_ptr<ExecSession>>> open_session(CorePtr core, ExecRequest request) {
  const Limit limit = within(kQuick);
  CO_TRY_ASSIGN(const ContainerSummary container,
                co_await running_container(core, request.uid, limit));
  ExecCommand command;
  command.container = container.id;
  command.command = request.command.empty() ? some_shell() : request.command;
  for (const auto& [name, value] : request.env) command.env.push_back(name + "=" + value);
  if (request.terminal && !request.env.contains("TERM")) command.env.emplace_back("TERM=xterm");
  command.working_dir = request.working_dir;
  command.terminal = request.terminal;
  const std::string mark = mark_command(*core, command);
  CO_TRY_ASSIGN(const std::string exec, co_await core->engine.execs().create(command, limit.at));
  auto end = std::make_unique<ExecEnd>(core, container.id, exec, mark);
  CO_TRY_ASSIGN(std::unique_ptr<AttachedStream> stream,
                co_await core->engine.execs().start(exec, request.terminal, limit.at));
  auto session = std::make_unique<DockerSession>(core, exec, std::move(end), std::move(stream));
  // A terminal's size counts only once it is there.
  if (request.terminal) (void)co_await session->resize(request.rows, request.columns);
  co_return std::unique_ptr<ExecSession>(std::move(session));
}

Task<Result<int>> run_command(CorePtr core, std::string uid, std::vector<std::string> command,
                              Limit limit) {
  CO_TRY_ASSIGN(const ContainerSummary container, co_await running_container(core, uid, limit));
  ExecCommand wanted;
  wanted.container = container.id;
  wanted.command = std::move(command);
  wanted.input = false;
  const std::string mark = mark_command(*core, wanted);
  CO_TRY_ASSIGN(const std::string exec,
                co_await core->engine.execs().create(std::move(wanted), limit.at));
  ExecEnd end(core, container.id, exec, mark);
  CO_TRY_ASSIGN(const std::shared_ptr<AttachedStream> stream,
                co_await core->engine.execs().start(exec, false, limit.at));
  asio::steady_timer timer(core->executor, limit.at);
  timer.async_wait([stream](const boost::system::error_code& error) {
    if (!error) stream->cancel();
  });
  while (true) {
    const Result<AttachedStream::Piece> piece = co_await stream->read();
    if (piece && !piece->bytes.empty()) continue;
    timer.cancel();
    if (!piece && limit.left() <= Duration(0))
      co_return fail(ErrorCode::Timeout, "the command did not end in time");
    if (!piece) co_return std::unexpected(piece.error());
    break;
  }
  Result<int> status = co_await status_of(core, exec, within(kStatusWithin));
  if (status) end.has_ended();
  co_return status;
}

}  // namespace croft::docker
