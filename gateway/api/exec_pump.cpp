#include "gateway/api/exec_pump.hpp"

#include <array>
#include <deque>

#include <boost/asio/bind_cancellation_slot.hpp>

#include "core/base/log.hpp"
#include "gateway/api/exec_frames.hpp"
#include "gateway/api/json_forms.hpp"

namespace croft {

namespace {

constexpr Duration kLong{3'600'000};
/// How long its coroutines may take to notice that they were called off.
constexpr Duration kPatience{5'000};

/// What the coroutines of one session share.
struct Pump {
  Pump(const asio::any_io_executor& on, std::unique_ptr<ExecSession> with, ByteStream& over)
      : executor(on), session(std::move(with)), link(&over), writing(on, 1), typed(on), ended(on) {}

  asio::any_io_executor executor;
  std::unique_ptr<ExecSession> session;
  ByteStream* link;  ///< null once the connection is left to others
  Semaphore writing;
  std::deque<std::string> input;
  std::size_t input_size = 0;
  bool is_input_over = false;
  Signal typed;
  Signal ended;
  int running = 0;
  std::array<asio::cancellation_signal, 3> cancellations;
};

using PumpPtr = std::shared_ptr<Pump>;

Task<bool> send(PumpPtr pump, std::string frame) {
  const Semaphore::Permit permit = co_await pump->writing.acquire();
  if (pump->link == nullptr) co_return false;
  const Result<void> sent = co_await pump->link->write(std::move(frame));
  co_return sent.has_value();
}

/// From the command to the connection, and how it ended.
Task<> carry_output(PumpPtr pump) {
  for (;;) {
    Result<ExecSession::Output> got = co_await pump->session->read();
    if (!got) {
      co_await send(pump, exec_frame(ExecFrame::Failure, to_json(to_form(got.error()))));
      break;
    }
    if (got->bytes.empty()) {
      const Result<int> status = co_await pump->session->exit_status();
      std::string last =
          status ? exec_number_frame(ExecFrame::Exit, static_cast<std::uint32_t>(*status))
                 : exec_frame(ExecFrame::Failure, to_json(to_form(status.error())));
      co_await send(pump, std::move(last));
      break;
    }
    const ExecFrame type =
        got->stream == ExecSession::Stream::Err ? ExecFrame::ErrorOutput : ExecFrame::Output;
    for (std::size_t at = 0; at < got->bytes.size(); at += kExecFrameLimit) {
      const bool is_sent = co_await send(
          pump, exec_frame(type, std::string_view(got->bytes).substr(at, kExecFrameLimit)));
      if (!is_sent) co_return;
    }
  }
  if (pump->link != nullptr) pump->link->cancel();  // whoever reads it waits for nothing any more
}

/// From the connection's reader to the command, which may be slow to take it.
Task<> carry_input(PumpPtr pump) {
  for (;;) {
    while (pump->input.empty() && !pump->is_input_over) co_await pump->typed.wait(kLong);
    if (pump->input.empty()) break;
    std::string bytes = std::move(pump->input.front());
    pump->input.pop_front();
    const auto size = static_cast<std::uint32_t>(bytes.size());
    // A command that reads no more is no reason to end: it may have something to say yet.
    (void)co_await pump->session->write(std::move(bytes));
    pump->input_size -= size;
    const bool is_sent = co_await send(pump, exec_number_frame(ExecFrame::Taken, size));
    if (!is_sent) co_return;
  }
  (void)co_await pump->session->close_input();
}

Task<> keep_alive(PumpPtr pump, Duration heartbeat) {
  for (;;) {
    co_await sleep_for(heartbeat);
    const bool is_sent = co_await send(pump, exec_frame(ExecFrame::Ping));
    if (!is_sent) co_return;
  }
}

/// False if the client does not keep to the protocol.
Task<bool> take(PumpPtr pump, ExecMessage message) {
  if (message.type == ExecFrame::Input && !pump->is_input_over && !message.bytes.empty()) {
    pump->input_size += message.bytes.size();
    if (pump->input_size > kExecWindow) co_return false;
    pump->input.push_back(std::move(message.bytes));
    pump->typed.notify();
  } else if (message.type == ExecFrame::EndOfInput) {
    pump->is_input_over = true;
    pump->typed.notify();
  } else if (message.type == ExecFrame::Resize) {
    const std::optional<ExecSize> size = exec_size(message);
    if (size) (void)co_await pump->session->resize(size->rows, size->columns);
  }
  co_return true;
}

/// Until the connection ends, whoever ends it.
Task<> read_frames(PumpPtr pump) {
  ExecFrameParser parser;
  for (;;) {
    const Result<std::string> bytes = co_await pump->link->read();
    if (!bytes || bytes->empty()) co_return;
    parser.feed(*bytes);
    for (;;) {
      Result<std::optional<ExecMessage>> message = parser.next();
      if (!message) co_return;
      if (!*message) break;
      const bool goes_on = co_await take(pump, std::move(**message));
      if (!goes_on) co_return;
    }
  }
}

void start(const PumpPtr& pump, std::size_t which, Task<> task) {
  ++pump->running;
  const auto ended = [pump](const std::exception_ptr&) {
    // One that was called off ends with the exception of a cancelled wait.
    --pump->running;
    pump->ended.notify();
  };
  asio::co_spawn(pump->executor, std::move(task),
                 asio::bind_cancellation_slot(pump->cancellations[which].slot(), ended));
}

/// Leaves nothing behind that refers to the connection, also if it is called off itself.
struct Leaving {
  PumpPtr pump;
  explicit Leaving(PumpPtr of) : pump(std::move(of)) {}
  Leaving(const Leaving&) = delete;
  Leaving& operator=(const Leaving&) = delete;
  ~Leaving() {
    pump->link = nullptr;
    for (auto& cancellation : pump->cancellations)
      cancellation.emit(asio::cancellation_type::terminal);
  }
};

}  // namespace

Task<> pump_exec(std::unique_ptr<ExecSession> session, ByteStream& link, Duration heartbeat) {
  const auto pump =
      std::make_shared<Pump>(co_await asio::this_coro::executor, std::move(session), link);
  {
    const Leaving leaving(pump);
    start(pump, 0, carry_output(pump));
    start(pump, 1, carry_input(pump));
    start(pump, 2, keep_alive(pump, heartbeat));
    co_await read_frames(pump);
    // A write that is awaited still uses the connection.
    link.cancel();
  }
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (pump->running > 0 && std::chrono::steady_clock::now() < until)
    co_await pump->ended.wait(kPatience);
  if (pump->running > 0)
    log_warning("api", "a provider holds on to a command whose client has gone");
  else
    pump->session.reset();
}

}  // namespace croft
