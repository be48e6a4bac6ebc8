#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/base/async.hpp"
#include "reconciler/engine.hpp"

namespace croft {

/// Log text on its way from a provider, which does not wait, to a reader who may be slow. What does
/// not fit is left out, and a line says how much.
class LogPipe {
 public:
  LogPipe(asio::any_io_executor executor, std::size_t limit)
      : limit_(limit), changed_(std::move(executor)) {}

  // For the provider's side.
  bool put(std::string_view text);
  void end(std::optional<Error> error);

  /// What has come since the last call.
  std::string take();
  bool has_text() const { return !buffer_.empty() || lost_ > 0; }
  bool has_ended() const { return has_ended_; }
  const std::optional<Error>& error() const { return error_; }
  /// Returns once there is text, the log ended, wake() was called, or the time is over.
  Task<> wait(Duration timeout);
  Task<> wait_for_end(Duration timeout);
  void wake() { changed_.notify(); }
  /// Nobody reads any more: the provider's side is called off.
  void close();

  asio::cancellation_signal cancellation;

 private:
  std::size_t limit_;
  Signal changed_;
  std::string buffer_;
  std::size_t lost_ = 0;
  bool has_ended_ = false;
  bool is_closed_ = false;
  std::optional<Error> error_;
};

/// Closes its pipe when it goes.
class OpenLog {
 public:
  explicit OpenLog(std::shared_ptr<LogPipe> pipe) : pipe_(std::move(pipe)) {}
  OpenLog(OpenLog&&) = default;
  OpenLog& operator=(OpenLog&&) = delete;
  ~OpenLog() {
    if (pipe_) pipe_->close();
  }
  LogPipe* operator->() const { return pipe_.get(); }

 private:
  std::shared_ptr<LogPipe> pipe_;
};

/// Starts to read a log; at most `limit` bytes of it wait to be taken.
OpenLog open_log(Engine& engine, const asio::any_io_executor& executor, Ref ref, LogRequest request,
                 std::size_t limit);

}  // namespace croft
