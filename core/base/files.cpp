#include "core/base/files.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

namespace croft {

namespace fs = std::filesystem;

void UniqueFd::reset() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Error system_error(int error_number, std::string what) {
  const std::string reason = std::generic_category().message(error_number);
  ErrorCode code = ErrorCode::Internal;
  std::string hint;
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      code = ErrorCode::NotFound;
      break;
    case EACCES:
    case EPERM:
      code = ErrorCode::Denied;
      break;
    case EROFS:
      code = ErrorCode::Denied;
      hint = "the file system is mounted read-only";
      break;
    case EEXIST:
    case EADDRINUSE:
    case EBUSY:
      code = ErrorCode::Conflict;
      break;
    case ENOSPC:
    case EDQUOT:
      code = ErrorCode::Unavailable;
      hint = "free some space; Croft goes on by itself";
      break;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      code = ErrorCode::Unavailable;
      break;
    case ETIMEDOUT:
      code = ErrorCode::Timeout;
      break;
    case EINVAL:
    case ENAMETOOLONG:
    case ELOOP:
      code = ErrorCode::Invalid;
      break;
    default:
      break;
  }
  Error error = Error(code, reason).while_doing(std::move(what));
  return hint.empty() ? error : std::move(error).with_hint(hint);
}

Result<std::string> read_file(const fs::path& path, std::size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return fail(system_error(errno, "opening " + path.string()));
  std::string content;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_error(errno, "reading " + path.string()));
    if (count == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(count));
    if (content.size() > limit) {
      return fail(Error(ErrorCode::Invalid, fmt::format("it is larger than {} bytes", limit))
                      .while_doing("reading " + path.string()));
    }
  }
}

namespace {

Result<void> write_all(int fd, std::string_view content, const fs::path& path) {
  while (!content.empty()) {
    const ssize_t count = ::write(fd, content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_error(errno, "writing " + path.string()));
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> sync_directory(const fs::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open() || ::fsync(fd.get()) != 0)
    return fail(system_error(errno, "syncing " + path.string()));
  return {};
}

}  // namespace

Result<void> write_file_atomic(const fs::path& path, std::string_view content, unsigned mode,
                               Durability durability) {
  std::string temporary = path.string() + ".XXXXXX";
  const UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd.is_open()) return fail(system_error(errno, "creating a file beside " + path.string()));
  const auto finish = [&]() -> Result<void> {
    TRY(write_all(fd.get(), content, path));
    if (::fchmod(fd.get(), mode) != 0)
      return fail(system_error(errno, "setting the mode of " + path.string()));
    if (durability == Durability::Full && ::fsync(fd.get()) != 0) {
      return fail(system_error(errno, "syncing " + path.string()));
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
      return fail(system_error(errno, "replacing " + path.string()));
    }
    if (durability == Durability::Full) return sync_directory(path.parent_path());
    return {};
  };
  Result<void> done = finish();
  if (!done) ::unlink(temporary.c_str());
  return done;
}

Result<void> make_directory(const fs::path& path, unsigned mode) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return fail(system_error(error.value(), "making the directory " + path.string()));
  if (::chmod(path.c_str(), mode) != 0)
    return fail(system_error(errno, "setting the mode of " + path.string()));
  return {};
}

Result<void> remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return fail(system_error(error.value(), "removing " + path.string()));
  return {};
}

Result<TemporaryDirectory> TemporaryDirectory::make(std::string_view prefix) {
  const char* base = std::getenv("TMPDIR");
  std::string path = fmt::format("{}/{}XXXXXX", base != nullptr ? base : "/tmp", prefix);
  if (::mkdtemp(path.data()) == nullptr)
    return fail(system_error(errno, "making a temporary directory"));
  return TemporaryDirectory(path);
}

TemporaryDirectory::~TemporaryDirectory() {
  if (!path_.empty()) (void)remove_tree(path_);
}

}  // namespace croft
