#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "core/base/async.hpp"
#include "gateway/edge/route_map.hpp"

namespace croft::edge {

/// Follows the route snapshot: reads it, and reads it again whenever it is replaced (inotify on its
/// directory, and a look once a second for file systems that do not tell). A snapshot that is
/// missing or bad changes nothing: a line in the log, and the one before goes on.
class SnapshotWatch {
 public:
  /// `changed` is called on the executor of `io`; reading happens on the pool. All three must
  /// outlive run().
  SnapshotWatch(asio::io_context& io, BlockingPool& pool, std::filesystem::path file,
                std::function<void(std::shared_ptr<const RouteMap>)> changed);
  ~SnapshotWatch();

  /// Reads the file now, blocking: so that the first request already finds routes.
  void read_now();
  Task<> run();
  void stop();

 private:
  struct Inotify;
  struct FileState;
  Task<> wait_for_change();
  void take(Result<std::shared_ptr<const RouteMap>> read);

  BlockingPool& pool_;
  std::filesystem::path file_;
  std::function<void(std::shared_ptr<const RouteMap>)> changed_;
  std::unique_ptr<Inotify> inotify_;
  std::unique_ptr<FileState> seen_;
  bool is_stopped_ = false;
};

}  // namespace croft::edge
