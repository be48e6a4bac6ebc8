#include "providers/process/logs.hpp"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace croft {

namespace {

constexpr std::size_t kLongestLine = 64 << 10;
constexpr std::size_t kReadAtOnce = 1 << 20;
constexpr int kMostFiles = 100;

ino_t inode_of(const std::filesystem::path& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

std::string_view tail_of(std::string_view text, int lines) {
  std::size_t at = text.size();
  if (at > 0 && text[at - 1] == '\n') --at;
  for (int i = 0; i < lines; ++i) {
    const std::size_t end = text.rfind('\n', at == 0 ? 0 : at - 1);
    if (at == 0 || end == std::string_view::npos) return text;
    at = end;
  }
  return text.substr(at + 1);
}

}  // namespace

Result<LogReader> LogReader::open(std::filesystem::path directory) {
  if (::access(directory.c_str(), R_OK) != 0) return fail(system_error(errno, "opening the log"));
  return LogReader(std::move(directory));
}

std::filesystem::path LogReader::name(int number) const {
  return directory_ / (number == 0 ? "current" : std::to_string(number));
}

std::string LogReader::last_lines(int count) {
  std::string text;
  // Opened before it is read, so that nothing falls between the past and what follows.
  (void)move_on();
  text = read_rest();
  for (int number = 1; number < kMostFiles && std::count(text.begin(), text.end(), '\n') <= count;
       ++number) {
    const Result<std::string> older = read_file(name(number), std::size_t{1} << 30);
    if (!older) break;
    text.insert(0, *older);
  }
  const std::size_t end = text.rfind('\n');
  partial_ = end == std::string::npos ? text : text.substr(end + 1);
  text.resize(text.size() - partial_.size());
  return count <= 0 ? std::string() : std::string(tail_of(text, count));
}

std::string LogReader::read_rest() {
  std::string text;
  std::array<char, 65536> buffer;
  while (file_.is_open() && text.size() < kReadAtOnce) {
    const ssize_t count =
        ::pread(file_.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset_));
    if (count <= 0) break;
    offset_ += static_cast<std::uint64_t>(count);
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

/// To the file that follows the one being read: the one before it in number. False if it is still
/// the current one.
bool LogReader::move_on() {
  int next = 0;
  if (file_.is_open()) {
    if (inode_of(name(0)) == inode_) return false;
    for (int number = 1; number < kMostFiles; ++number) {
      const ino_t inode = inode_of(name(number));
      if (inode == 0) break;
      next = number;  // if ours is gone already, the oldest that is left
      if (inode != inode_) continue;
      next = number - 1;
      break;
    }
  }
  UniqueFd file(::open(name(next).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return false;
  struct stat status{};
  ::fstat(file.get(), &status);
  file_ = std::move(file);
  inode_ = status.st_ino;
  offset_ = 0;
  return true;
}

std::string LogReader::more() {
  std::string text = std::exchange(partial_, {}) + read_rest();
  // The file is looked at once more after a rotation was seen: its last lines may have come just
  // before.
  if (text.size() < kReadAtOnce && (!file_.is_open() || inode_of(name(0)) != inode_)) {
    text += read_rest();
    if (move_on()) text += read_rest();
  }
  const std::size_t end = text.rfind('\n');
  const std::size_t whole = end == std::string::npos ? 0 : end + 1;
  if (text.size() - whole > kLongestLine) return text;
  partial_ = text.substr(whole);
  text.resize(whole);
  return text;
}

}  // namespace croft
