#include "core/archive/packer.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <fmt/format.h>

namespace croft {

namespace {

constexpr std::size_t kPiece = 64U << 10U;
constexpr std::size_t kDepth = 256;
/// Files of several names that are remembered; further ones are packed once for each name.
constexpr std::size_t kRemembered = 65'536;

TarEntry entry_of(const struct stat& status, std::string path, std::uint64_t owner) {
  TarEntry entry;
  entry.path = std::move(path);
  entry.mode = status.st_mode & 07777U;
  entry.uid = entry.gid = static_cast<std::int64_t>(owner);
  entry.modified = status.st_mtim.tv_sec;
  return entry;
}

/// What another program removed meanwhile is no error.
bool is_gone(int problem) {
  return problem == ENOENT || problem == ENOTDIR || problem == ELOOP || problem == ENXIO;
}

}  // namespace

Result<DirectoryPacker> DirectoryPacker::open(const std::string& directory, std::uint64_t owner) {
  UniqueFd root(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!root.is_open() || ::fstat(root.get(), &status) != 0)
    return fail(system_error(errno, "opening " + directory));
  UniqueFd first(::openat(root.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DirectoryPacker packer(std::move(root), owner);
  packer.device_ = status.st_dev;
  TRY(packer.enter(std::move(first), {}));
  return packer;
}

Result<void> DirectoryPacker::enter(UniqueFd directory, std::string path) {
  if (levels_.size() >= kDepth)
    return fail(ErrorCode::Invalid, fmt::format("directories are nested deeper than {}: {}...",
                                                kDepth, path.substr(0, 200)));
  Level level;
  level.directory.reset(directory.is_open() ? ::fdopendir(directory.get()) : nullptr);
  if (!level.directory) return fail(system_error(errno, "reading the directory " + path));
  (void)directory.release();
  level.path = std::move(path);
  levels_.push_back(std::move(level));
  return {};
}

Result<std::string> DirectoryPacker::next() {
  while (piece_.size() < kPiece && !is_done_) {
    TRY(step());
  }
  return std::exchange(piece_, {});
}

Result<void> DirectoryPacker::step() {
  if (file_.is_open()) return read_content();
  if (levels_.empty()) {
    piece_ += TarWriter::finish();
    is_done_ = true;
    return {};
  }
  const Level& level = levels_.back();
  errno = 0;
  const dirent* found = ::readdir(level.directory.get());
  if (found == nullptr) {
    if (errno != 0) return fail(system_error(errno, "reading the directory " + level.path));
    levels_.pop_back();
    return {};
  }
  const std::string name = found->d_name;
  if (name == "." || name == "..") return {};
  return add(level, name);
}

Result<void> DirectoryPacker::add(const Level& level, const std::string& name) {
  const int directory = ::dirfd(level.directory.get());
  struct stat status{};
  if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (is_gone(errno)) return {};
    return fail(system_error(errno, "looking at " + level.path + name));
  }
  if (status.st_dev != device_) return {};
  TarEntry entry = entry_of(status, level.path + name, owner_);
  if (S_ISREG(status.st_mode)) return add_file(level, name, std::move(entry));
  if (S_ISLNK(status.st_mode)) {
    std::array<char, PATH_MAX> target;
    const ssize_t length = ::readlinkat(directory, name.c_str(), target.data(), target.size());
    if (length < 0) return {};
    entry.type = TarType::Link;
    entry.target.assign(target.data(), static_cast<std::size_t>(length));
    return begin(entry);
  }
  if (!S_ISDIR(status.st_mode)) return {};
  UniqueFd below(
      ::openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!below.is_open()) {
    if (is_gone(errno)) return {};
    return fail(system_error(errno, "opening " + entry.path));
  }
  entry.type = TarType::Directory;
  TRY(begin(entry));
  return enter(std::move(below), entry.path + "/");  // may move `level`
}

Result<void> DirectoryPacker::add_file(const Level& level, const std::string& name,
                                       TarEntry entry) {
  // Not blocking: a pipe may stand there by now.
  UniqueFd file(::openat(::dirfd(level.directory.get()), name.c_str(),
                         O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status{};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0) {
    if (is_gone(errno)) return {};
    return fail(system_error(errno, "opening " + entry.path));
  }
  if (!S_ISREG(status.st_mode)) return {};
  if (status.st_nlink > 1 && linked_.size() < kRemembered) {
    const auto [first, is_new] = linked_.try_emplace({status.st_dev, status.st_ino}, entry.path);
    if (!is_new) {
      entry.type = TarType::HardLink;
      entry.target = first->second;
      return begin(entry);
    }
  }
  entry.size = size_ = left_ = static_cast<std::uint64_t>(status.st_size);
  TRY(begin(entry));
  if (left_ > 0) file_ = std::move(file);
  return {};
}

Result<void> DirectoryPacker::begin(const TarEntry& entry) {
  TRY_ASSIGN(const std::string head, writer_.begin(entry));
  piece_ += head;
  return {};
}

Result<void> DirectoryPacker::read_content() {
  const std::size_t before = piece_.size();
  const std::size_t wanted = std::min<std::uint64_t>(left_, kPiece);
  piece_.resize(before + wanted);
  const ssize_t count = ::read(file_.get(), piece_.data() + before, wanted);
  if (count < 0 && errno != EINTR) return fail(system_error(errno, "reading a file"));
  // It has shrunk: what was announced has to come.
  const std::size_t taken =
      count == 0 ? wanted : static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  if (count != 0) piece_.resize(before + taken);
  left_ -= taken;
  if (left_ > 0) return {};
  piece_ += TarWriter::padding(size_);
  file_ = UniqueFd();
  return {};
}

}  // namespace croft
