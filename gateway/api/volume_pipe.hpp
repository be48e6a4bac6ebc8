#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/base/async.hpp"
#include "core/base/byte_stream.hpp"

namespace croft {

/// One piece of an archive on its way from a provider, which waits, to a reader, who may be slow or
/// leave. On one executor.
class VolumePipe {
 public:
  explicit VolumePipe(const asio::any_io_executor& executor)
      : filled_(executor), taken_(executor) {}

  /// The provider's side. Cancelled once nobody reads any more.
  Task<Result<void>> put(std::string piece);
  void end(std::optional<Error> error);

  /// Waits until there is a piece or it has ended.
  Task<> wait();
  std::optional<std::string> take();
  bool has_ended() const { return has_ended_; }
  const std::optional<Error>& error() const { return error_; }
  /// Nobody reads any more.
  void close();

 private:
  Signal filled_;
  Signal taken_;
  std::optional<std::string> piece_;
  std::optional<Error> error_;
  bool has_ended_ = false;
  bool is_closed_ = false;
};

/// Closes its pipe when it goes.
class OpenVolume {
 public:
  explicit OpenVolume(std::shared_ptr<VolumePipe> pipe) : pipe_(std::move(pipe)) {}
  OpenVolume(OpenVolume&&) = default;
  OpenVolume& operator=(OpenVolume&&) = delete;
  ~OpenVolume() {
    if (pipe_) pipe_->close();
  }
  VolumePipe* operator->() const { return pipe_.get(); }

 private:
  std::shared_ptr<VolumePipe> pipe_;
};

}  // namespace croft
