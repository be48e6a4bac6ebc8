#include "core/store/directory_lock.hpp"

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <unistd.h>

#include <fmt/format.h>

namespace croft {

namespace {

std::string read_owner(int file) {
  std::array<char, 32> buffer{};
  const ssize_t count = ::pread(file, buffer.data(), buffer.size(), 0);
  std::string owner(buffer.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  owner.erase(std::min(owner.find_first_not_of("0123456789"), owner.size()));
  return owner;
}

Error held_by(const std::string& owner, const std::filesystem::path& directory) {
  const std::string who =
      owner.empty() ? "another croft" : fmt::format("another croft (pid {})", owner);
  return Error(ErrorCode::Conflict, fmt::format("{} uses {} already", who, directory.string()))
      .with_hint("stop it first, or give this one another data directory");
}

}  // namespace

Result<DirectoryLock> DirectoryLock::take(const std::filesystem::path& directory) {
  const std::filesystem::path path = directory / "croft.lock";
  const std::string what = "locking " + directory.string();
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.is_open()) return fail(system_error(errno, what));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(system_error(errno, what));
    return fail(held_by(read_owner(file.get()), directory));
  }
  const bool was_left_behind = !read_owner(file.get()).empty();
  const std::string owner = fmt::format("{:<20}\n", ::getpid());
  // Of one fixed length and in one write: no reader sees half a pid. On a full disk it may fail,
  // and only the pid in an error message is lost.
  (void)::pwrite(file.get(), owner.data(), owner.size(), 0);
  return DirectoryLock(std::move(file), was_left_behind);
}

std::optional<std::string> DirectoryLock::find_owner(const std::filesystem::path& directory) {
  const UniqueFd file(::open((directory / "croft.lock").c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return std::nullopt;
  std::string owner = read_owner(file.get());
  // Only a lock that was left behind is touched by this, and for a moment: no daemon that starts
  // now stumbles over it.
  if (owner.empty() || ::flock(file.get(), LOCK_SH | LOCK_NB) == 0) return std::nullopt;
  return owner;
}

DirectoryLock::~DirectoryLock() {
  if (file_.is_open()) (void)::ftruncate(file_.get(), 0);
}

}  // namespace croft
