#include "gateway/edge/snapshot.hpp"

#include <array>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "core/base/files.hpp"
#include "core/base/log.hpp"

namespace croft::edge {

namespace {

constexpr std::size_t kSnapshotLimit = 256 << 20;
constexpr Duration kLookAgain{1'000};
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

Result<std::shared_ptr<const RouteMap>> read_snapshot(const std::filesystem::path& file) {
  TRY_ASSIGN(const std::string json, read_file(file, kSnapshotLimit));
  TRY_ASSIGN(RouteTable table, while_doing(read_routes(json), "reading " + file.string()));
  return std::make_shared<const RouteMap>(std::move(table));
}

}  // namespace

// What tells one version of the file from another without reading it.
struct SnapshotWatch::FileState {
  ino_t inode = 0;
  off_t size = -1;
  timespec changed{};

  static FileState of(const std::filesystem::path& file) {
    struct stat status{};
    if (::stat(file.c_str(), &status) != 0) return {};
    return {status.st_ino, status.st_size, status.st_mtim};
  }
  bool operator==(const FileState& other) const {
    return inode == other.inode && size == other.size && changed.tv_sec == other.changed.tv_sec &&
           changed.tv_nsec == other.changed.tv_nsec;
  }
};

struct SnapshotWatch::Inotify {
  explicit Inotify(asio::io_context& io) : events(io), timer(io) {}
  asio::posix::stream_descriptor events;
  asio::steady_timer timer;
  bool is_waiting = false;
};

SnapshotWatch::SnapshotWatch(asio::io_context& io, BlockingPool& pool, std::filesystem::path file,
                             std::function<void(std::shared_ptr<const RouteMap>)> changed)
    : pool_(pool),
      file_(std::move(file)),
      changed_(std::move(changed)),
      inotify_(std::make_unique<Inotify>(io)),
      seen_(std::make_unique<FileState>()) {
  UniqueFd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd.is_open()) return;
  const std::string directory = file_.has_parent_path() ? file_.parent_path().string() : ".";
  if (::inotify_add_watch(fd.get(), directory.c_str(), IN_MOVED_TO | IN_CLOSE_WRITE) < 0) return;
  inotify_->events.assign(fd.release());
}

SnapshotWatch::~SnapshotWatch() = default;

void SnapshotWatch::read_now() {
  *seen_ = FileState::of(file_);
  take(read_snapshot(file_));
}

Task<> SnapshotWatch::run() {
  while (!is_stopped_) {
    const FileState now = FileState::of(file_);
    if (now == *seen_ || now.size < 0) {
      co_await wait_for_change();
      continue;
    }
    *seen_ = now;
    auto reading = [file = file_] { return read_snapshot(file); };
    auto read = co_await pool_.run(std::move(reading));
    if (!is_stopped_) take(std::move(read));
  }
}

void SnapshotWatch::take(Result<std::shared_ptr<const RouteMap>> read) {
  if (read) return changed_(*std::move(read));
  if (read.error().code() == ErrorCode::NotFound) {
    log_info("edge", "there are no routes yet", {{"file", file_.string()}});
    return;
  }
  log_warning("edge", "the route snapshot cannot be used; what was served before goes on",
              {{"why", read.error().describe()}});
}

// The timer is the fallback; an event of inotify cuts it short.
Task<> SnapshotWatch::wait_for_change() {
  Inotify& inotify = *inotify_;
  if (inotify.events.is_open() && !inotify.is_waiting) {
    inotify.is_waiting = true;
    inotify.events.async_wait(
        asio::posix::descriptor_base::wait_read, [this](const boost::system::error_code& error) {
          inotify_->is_waiting = false;
          if (error) return;
          std::array<char, 4096> drained;
          while (::read(inotify_->events.native_handle(), drained.data(), drained.size()) > 0) {
          }
          inotify_->timer.cancel();
        });
  }
  inotify.timer.expires_after(kLookAgain);
  co_await inotify.timer.async_wait(kAwait);
}

void SnapshotWatch::stop() {
  is_stopped_ = true;
  boost::system::error_code ignored;
  inotify_->events.close(ignored);
  inotify_->timer.cancel();
}

}  // namespace croft::edge
