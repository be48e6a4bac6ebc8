#include "core/git/watch.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>
#include <sys/inotify.h>
#include <system_error>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/git/local_repository.hpp"
#include "core/git/remote.hpp"

namespace croft {

namespace fs = std::filesystem;

namespace {

constexpr std::uint32_t kEvents = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
                                  IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR |
                                  IN_EXCL_UNLINK;
/// Directories of refs that are watched at most; a repository with more is polled.
constexpr std::size_t kDirectoryLimit = 10'000;

/// Looks at a directory tree that does not come to rest; its next event makes us look again.
constexpr int kLooks = 16;

/// What the entries of a watched directory mean.
enum class Role {
  Above,   ///< of the repository's own path: only the next step down to it counts
  Around,  ///< the working tree's top: only ".git" counts
  Git,     ///< HEAD, packed-refs and refs count
  Refs,    ///< every entry counts
};

struct WatchedDirectory {
  Role role = Role::Refs;
  std::string step;  ///< Above: the name that leads to the repository
};

using Directories = std::map<fs::path, WatchedDirectory>;

bool has_directory(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

/// The nearest directory above the repository that exists, and its step down.
void add_above(const fs::path& repository, Directories& directories) {
  fs::path step = repository;
  while (step.has_relative_path()) {
    const fs::path above = step.parent_path();
    if (has_directory(above)) {
      directories.try_emplace(above, Role::Above, step.filename().string());
      return;
    }
    step = above;
  }
}

void add_refs(const fs::path& refs, Directories& directories) {
  if (!has_directory(refs)) return;
  directories.insert_or_assign(refs, WatchedDirectory{Role::Refs, ""});
  std::error_code error;
  for (fs::recursive_directory_iterator entry(refs, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored) && !entry->is_symlink(ignored)) {
      directories.insert_or_assign(entry->path(), WatchedDirectory{Role::Refs, ""});
    }
    if (directories.size() > kDirectoryLimit) return;
  }
}

/// Every directory whose entries tell that a ref moved, as the disk is now. Empty-handed of a
/// repository, what is left tells that one comes.
Directories directories_to_watch(const fs::path& repository, bool& is_there) {
  Directories directories;
  add_above(repository, directories);
  if (has_directory(repository))
    directories.insert_or_assign(repository, WatchedDirectory{Role::Around, ""});
  const auto layout = git::find_repository(repository);
  is_there = layout.has_value();
  if (!layout) {
    // One that is just being made has a directory before it has a HEAD.
    const fs::path begun = repository / ".git";
    if (has_directory(begun)) directories.insert_or_assign(begun, WatchedDirectory{Role::Git, ""});
    return directories;
  }
  directories.insert_or_assign(layout->git_directory, WatchedDirectory{Role::Git, ""});
  directories.insert_or_assign(layout->common_directory, WatchedDirectory{Role::Git, ""});
  add_refs(layout->common_directory / "refs", directories);
  return directories;
}

bool matters(const WatchedDirectory& directory, std::string_view name) {
  switch (directory.role) {
    case Role::Above:
      return name == directory.step;
    case Role::Around:
      return name == ".git" || name == "HEAD" || name == "refs" || name == "objects";
    case Role::Git:
      return name == "HEAD" || name == "packed-refs" || name == "refs" || name == "objects" ||
             name == "commondir";
    case Role::Refs:
      // Git writes refs beside themselves and moves them in place.
      return !name.ends_with(".lock");
  }
  return true;
}

/// What outlives the handle while a read is under way. On one executor.
class WatchState : public std::enable_shared_from_this<WatchState> {
 public:
  WatchState(const asio::any_io_executor& executor, fs::path repository,
             std::function<void()> changed)
      : repository_(std::move(repository)), changed_(std::move(changed)), stream_(executor) {}

  Result<void> start() {
    UniqueFd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!fd.is_open()) return fail(system_error(errno, "asking for inotify"));
    stream_.assign(fd.release());
    TRY_ASSIGN(const bool is_there, follow_disk());
    if (!is_there) {
      return fail(ErrorCode::Unavailable, "there is no Git repository at " + repository_.string());
    }
    read_next();
    return {};
  }

  void stop() {
    changed_ = nullptr;
    boost::system::error_code ignored;
    stream_.close(ignored);
  }

 private:
  /// Watches what the disk asks for now, until two looks agree: a directory may fill before its
  /// watch stands.
  Result<bool> follow_disk() {
    bool is_there = false;
    for (int look = 0; look < kLooks; ++look) {
      const Directories wanted = directories_to_watch(repository_, is_there);
      if (wanted.size() > kDirectoryLimit) {
        return fail(ErrorCode::Unavailable, "there are too many directories of refs to watch");
      }
      bool has_new = false;
      TRY(watch_all(wanted, has_new));
      if (!has_new) break;
    }
    return is_there;
  }

  Result<void> watch_all(const Directories& wanted, bool& has_new) {
    std::set<int> current;
    for (const auto& [path, directory] : wanted) {
      const int watch = ::inotify_add_watch(stream_.native_handle(), path.c_str(), kEvents);
      if (watch < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        has_new = true;  // it went since we looked
        continue;
      }
      if (watch < 0) {
        return fail(Error(ErrorCode::Unavailable, std::strerror(errno))
                        .while_doing("watching " + path.string())
                        .with_hint("raise fs.inotify.max_user_watches"));
      }
      if (!watched_.contains(watch)) has_new = true;
      if (!current.insert(watch).second) {
        // Two paths of one directory (a bare repository is Around and Git): what either waits for
        // counts.
        if (directory.role > watched_[watch].role) watched_[watch] = directory;
      } else {
        watched_[watch] = directory;
      }
    }
    for (auto it = watched_.begin(); it != watched_.end();) {
      if (!current.contains(it->first)) ::inotify_rm_watch(stream_.native_handle(), it->first);
      it = current.contains(it->first) ? std::next(it) : watched_.erase(it);
    }
    return {};
  }

  void read_next() {
    stream_.async_read_some(
        asio::buffer(buffer_),
        [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
          if (error || !self->changed_) return;
          self->take(size);
        });
  }

  void take(std::size_t size) {
    bool is_relevant = false;
    bool is_structural = false;
    for (std::size_t at = 0; at + sizeof(inotify_event) <= size;) {
      inotify_event event{};
      std::memcpy(&event, buffer_.data() + at, sizeof event);
      const char* name = event.len > 0 ? buffer_.data() + at + sizeof event : "";
      judge(event, name, is_relevant, is_structural);
      at += sizeof event + event.len;
    }
    if (is_structural) {
      if (const auto followed = follow_disk(); !followed) {
        log_warning("git", "a repository's refs are no longer watched, only polled",
                    {{"repository", repository_.string()}, {"why", followed.error().describe()}});
        return;
      }
    }
    // The callback may drop the watch.
    const auto keep = shared_from_this();
    const std::function<void()> callback = changed_;
    if (is_relevant && callback) callback();
    if (changed_) read_next();
  }

  void judge(const inotify_event& event, std::string_view name, bool& is_relevant,
             bool& is_structural) {
    const auto found = watched_.find(event.wd);
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      is_relevant = is_structural = true;
      return;
    }
    if (found == watched_.end()) return;
    if ((event.mask & IN_IGNORED) != 0) watched_.erase(found);
    if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) != 0) {
      is_relevant = is_structural = true;
      return;
    }
    if (!matters(found->second, name)) return;
    is_relevant = true;
    const bool is_pointer = found->second.role != Role::Refs;
    is_structural = is_structural || is_pointer || (event.mask & IN_ISDIR) != 0;
  }

  const fs::path repository_;
  std::function<void()> changed_;
  asio::posix::stream_descriptor stream_;
  std::map<int, WatchedDirectory> watched_;
  alignas(inotify_event) std::array<char, 16384> buffer_{};
};

class InotifyRefWatch final : public RefWatch {
 public:
  explicit InotifyRefWatch(std::shared_ptr<WatchState> state) : state_(std::move(state)) {}
  ~InotifyRefWatch() override { state_->stop(); }
  InotifyRefWatch(const InotifyRefWatch&) = delete;
  InotifyRefWatch& operator=(const InotifyRefWatch&) = delete;

 private:
  std::shared_ptr<WatchState> state_;
};

}  // namespace

Result<std::unique_ptr<RefWatch>> watch_refs(const asio::any_io_executor& executor,
                                             const std::string& repository,
                                             std::function<void()> changed) {
  TRY_ASSIGN(const git::RemoteAddress address, git::parse_remote(repository));
  if (address.transport != git::Transport::Local) {
    return fail(ErrorCode::Invalid, address.url + " is not on this machine");
  }
  auto state = std::make_shared<WatchState>(executor, address.url, std::move(changed));
  TRY(state->start());
  return std::make_unique<InotifyRefWatch>(std::move(state));
}

}  // namespace croft
