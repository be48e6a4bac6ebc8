#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/files.hpp"
#include "core/base/result.hpp"
#include "providers/process/shim/wire.hpp"

namespace croft {

/// A connection to the control socket of one app's shim. One request at a time. On one executor.
class ShimClient {
 public:
  /// Connects and agrees on a version. Unavailable if no shim listens there, Denied if its owner is
  /// not who we are.
  static Task<Result<ShimClient>> connect(std::filesystem::path socket, Duration timeout);

  /// Sends a line and waits for its answer; an `error` answer is the Error it says.
  Task<Result<shim::Line>> request(shim::Line line, Duration timeout);
  /// The descriptors that came with the last answer; each is given once.
  std::vector<UniqueFd> take_descriptors();
  /// The next line that the shim sends by itself, without limit of time. Unavailable when it is
  /// gone.
  Task<Result<shim::Line>> next();
  /// Ends what waits on it, with an error. Safe at any time on the executor.
  void cancel();

  pid_t shim_pid() const;
  int version() const;

 private:
  struct Connection;
  explicit ShimClient(std::shared_ptr<Connection> connection)
      : connection_(std::move(connection)) {}
  std::shared_ptr<Connection> connection_;
};

}  // namespace croft
