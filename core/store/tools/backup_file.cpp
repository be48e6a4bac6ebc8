#include "core/store/tools/backup_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace croft::store_tools {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlock = 1 << 18;
constexpr std::size_t kLongestLine = std::size_t{256} << 20;

Error name_taken(const fs::path& path) {
  return Error(ErrorCode::Conflict, fmt::format("{} is there already", path.string()))
      .with_hint("choose another name, or replace it with --force");
}

Result<void> give_name(const std::string& temporary, const fs::path& path, bool may_replace) {
  if (!may_replace) {
    if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0)
      return {};
    if (errno == EEXIST) return fail(name_taken(path));
    // Some file systems cannot do that in one step.
    std::error_code ignored;
    if (errno == EINVAL && fs::exists(path, ignored)) return fail(name_taken(path));
    if (errno != EINVAL && errno != ENOSYS)
      return fail(system_error(errno, "naming " + path.string()));
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    return fail(system_error(errno, "naming " + path.string()));
  return {};
}

fs::path directory_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

}  // namespace

Result<NewFile> NewFile::make(const fs::path& path) {
  std::string temporary = path.string() + ".XXXXXX";
  UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));  // 0600
  if (!fd.is_open()) return fail(system_error(errno, "making a file beside " + path.string()));
  return NewFile(path, std::move(temporary), std::move(fd));
}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      fd_(std::move(other.fd_)),
      buffer_(std::move(other.buffer_)) {}

NewFile::~NewFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<void> NewFile::add(std::string_view text) {
  buffer_ += text;
  return buffer_.size() < kBlock ? Result<void>() : flush();
}

Result<void> NewFile::flush() {
  for (std::string_view rest = buffer_; !rest.empty();) {
    const ssize_t count = ::write(fd_.get(), rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_error(errno, "writing " + path_.string()));
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  buffer_.clear();
  return {};
}

Result<void> NewFile::finish(bool may_replace) {
  TRY(flush());
  if (::fsync(fd_.get()) != 0) return fail(system_error(errno, "syncing " + path_.string()));
  TRY(give_name(temporary_, path_, may_replace));
  temporary_.clear();
  const fs::path parent = directory_of(path_);
  const UniqueFd directory(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open() || ::fsync(directory.get()) != 0)
    return fail(system_error(errno, "syncing " + parent.string()));
  return {};
}

Result<LineReader> LineReader::open(const fs::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return fail(system_error(errno, "opening " + path.string()));
  return LineReader(path, std::move(fd));
}

/// False at the end of the file.
Result<bool> LineReader::fill() {
  buffer_.erase(0, begin_);
  begin_ = 0;
  const std::size_t filled = buffer_.size();
  if (filled > kLongestLine) return fail(ErrorCode::Invalid, "a line is too long");
  buffer_.resize(filled + kBlock);
  ssize_t count = -1;
  do {
    count = ::read(fd_.get(), buffer_.data() + filled, kBlock);
  } while (count < 0 && errno == EINTR);
  buffer_.resize(filled + (count > 0 ? static_cast<std::size_t>(count) : 0));
  if (count < 0) return fail(system_error(errno, "reading " + path_.string()));
  return count > 0;
}

Result<bool> LineReader::next(std::string_view& line) {
  std::size_t searched = begin_;
  for (;;) {
    const std::size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      line = std::string_view(buffer_).substr(begin_, end - begin_);
      begin_ = end + 1;
      return true;
    }
    searched = buffer_.size() - begin_;
    TRY_ASSIGN(const bool is_more, fill());
    if (is_more) continue;
    if (buffer_.empty()) return false;
    return fail(ErrorCode::Invalid, "its last line was cut");
  }
}

}  // namespace croft::store_tools
