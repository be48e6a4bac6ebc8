#include "gateway/api/log_pipe.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <fmt/format.h>

#include "core/base/log.hpp"

namespace croft {

bool LogPipe::put(std::string_view text) {
  if (is_closed_) return false;
  if (lost_ == 0 && buffer_.size() + text.size() <= limit_) {
    buffer_ += text;
  } else {
    lost_ += text.size();
  }
  changed_.notify();
  return true;
}

void LogPipe::end(std::optional<Error> error) {
  has_ended_ = true;
  error_ = std::move(error);
  changed_.notify();
}

std::string LogPipe::take() {
  std::string text = std::exchange(buffer_, {});
  if (const std::size_t lost = std::exchange(lost_, 0); lost > 0) {
    text += fmt::format("[croft: {} bytes left out, they came faster than they were read]\n", lost);
  }
  return text;
}

Task<> LogPipe::wait(Duration timeout) {
  if (!has_text() && !has_ended_) co_await changed_.wait(timeout);
}

Task<> LogPipe::wait_for_end(Duration timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!has_ended_) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= std::chrono::steady_clock::duration::zero()) co_return;
    co_await changed_.wait(std::chrono::ceil<Duration>(left));
  }
}

void LogPipe::close() {
  is_closed_ = true;
  if (!has_ended_) cancellation.emit(asio::cancellation_type::terminal);
}

namespace {

Task<Result<void>> read_log(Engine& engine, std::shared_ptr<LogPipe> pipe, Ref ref,
                            LogRequest request) {
  LogSink sink = [pipe](std::string_view text) { return pipe->put(text); };
  co_return co_await engine.logs(std::move(ref), std::move(request), std::move(sink));
}

}  // namespace

OpenLog open_log(Engine& engine, const asio::any_io_executor& executor, Ref ref, LogRequest request,
                 std::size_t limit) {
  auto pipe = std::make_shared<LogPipe>(executor, limit);
  const auto ended = [pipe](const std::exception_ptr& failure, Result<void> result) {
    // A log that was called off ends with the exception of a cancelled wait; nobody looks any more.
    if (failure) return pipe->end(Error(ErrorCode::Cancelled, "the log broke off"));
    pipe->end(result ? std::nullopt : std::optional(std::move(result).error()));
  };
  asio::co_spawn(executor, read_log(engine, pipe, std::move(ref), std::move(request)),
                 asio::bind_cancellation_slot(pipe->cancellation.slot(), ended));
  return OpenLog(std::move(pipe));
}

}  // namespace croft
