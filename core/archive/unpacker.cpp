#include "core/archive/unpacker.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <fmt/format.h>

#include "core/base/units.hpp"

namespace croft {

namespace {

constexpr std::size_t kDepth = 256;
// What an entry takes of a file system beside its content: an inode, a name in its directory.
constexpr std::uint64_t kEntryCost = 4 << 10;
constexpr unsigned kPermissions = 01777;  // set-user and set-group bits are not taken over

Error refused(const std::string& path, std::string_view why) {
  return {ErrorCode::Invalid, fmt::format("'{}' in the archive {}", path.substr(0, 200), why)};
}

Error failed(int problem, const std::string& path) {
  Error error = system_error(problem, "unpacking " + path.substr(0, 200));
  if (problem == ENOSPC || problem == EDQUOT)
    return std::move(error).with_hint("the volume is full");
  return error;
}

/// "a/./b" → {"a", "b"}; Invalid for what leads elsewhere. Empty for the root itself.
Result<std::vector<std::string>> parts_of(const std::string& path, const std::string& named) {
  if (path.starts_with('/')) return fail(refused(named, "has an absolute path"));
  std::vector<std::string> parts;
  std::string_view rest = path;
  while (!rest.empty()) {
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    rest = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") return fail(refused(named, "climbs out with '..'"));
    if (part.size() > NAME_MAX) return fail(refused(named, "has a name that is too long"));
    parts.emplace_back(part);
  }
  if (parts.size() > kDepth) return fail(refused(named, "is nested too deeply"));
  return parts;
}

/// Whether an archive that begins like that was compressed as a whole.
bool is_compressed(std::string_view begin) {
  using namespace std::string_view_literals;
  constexpr std::array kMagics{"\x1f\x8b"sv, "BZh"sv, "\xfd\x37zXZ"sv, "\x28\xb5\x2f\xfd"sv};
  return std::ranges::any_of(kMagics,
                             [&](std::string_view magic) { return begin.starts_with(magic); });
}

/// Why an entry of that type is not unpacked, or nothing.
std::string_view unwanted(TarType type) {
  switch (type) {
    case TarType::CharacterDevice:
    case TarType::BlockDevice:
      return "is a device";
    case TarType::Fifo:
      return "is a pipe";
    default:
      return {};
  }
}

}  // namespace

Result<DirectoryUnpacker> DirectoryUnpacker::open(const std::string& directory,
                                                  UnpackSettings settings) {
  UniqueFd root(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!root.is_open()) return fail(system_error(errno, "opening " + directory));
  return DirectoryUnpacker(std::move(root), settings);
}

Result<void> DirectoryUnpacker::feed(std::string_view bytes) {
  constexpr std::size_t kLongestMagic = 5;
  if (begin_.size() < kLongestMagic) {
    begin_ += bytes.substr(0, kLongestMagic - begin_.size());
    if (is_compressed(begin_))
      return fail(Error(ErrorCode::Invalid, "the archive is compressed")
                      .with_hint("unpack it on its way: gzip -dc FILE | croft volume import ..."));
  }
  TRY_ASSIGN(const std::vector<TarReader::Part> parts,
             while_doing(reader_.feed(bytes),
                         fmt::format("reading the archive behind '{}'", path_.substr(0, 200))));
  for (const TarReader::Part& part : parts) {
    if (const auto* entry = std::get_if<TarEntry>(&part)) {
      end();
      TRY(begin(*entry));
    } else {
      TRY(content(std::get<std::string>(part)));
    }
  }
  return {};
}

Result<void> DirectoryUnpacker::finish() {
  end();
  if (begin_.empty()) return fail(ErrorCode::Invalid, "the archive is empty");
  TRY(reader_.finish());
  // Without its end mark nobody can tell whether more was to come.
  if (!reader_.is_at_end()) return fail(ErrorCode::Invalid, "the archive is cut short");
  return {};
}

Result<void> DirectoryUnpacker::begin(const TarEntry& entry) {
  path_ = entry.path;
  modified_ = entry.modified;
  TRY_ASSIGN(const std::vector<std::string> parts, parts_of(entry.path, entry.path));
  if (const std::string_view why = unwanted(entry.type); !why.empty())
    return fail(refused(entry.path, why));
  if (parts.empty()) {
    // "./": the volume's own root, which stays as it is.
    if (entry.type == TarType::Directory) return {};
    return fail(refused(entry.path, "would take the place of the volume itself"));
  }
  TRY(charge(kEntryCost + entry.target.size() + entry.size));
  if (entry.type == TarType::HardLink) return make_hard_link(parts, entry);
  TRY_ASSIGN(const int parent, parent_of(parts));
  if (entry.type == TarType::Directory) return make_directory_entry(parent, parts.back(), entry);
  if (entry.type == TarType::Link) return make_symbolic_link(parent, parts.back(), entry);
  return make_file(parent, parts.back(), entry);
}

Result<void> DirectoryUnpacker::charge(std::uint64_t bytes) {
  if (settings_.limit && bytes > *settings_.limit - std::min(taken_, *settings_.limit)) {
    return fail(Error(ErrorCode::Invalid,
                      fmt::format("the archive holds more than {}, with 4 KiB for each entry",
                                  format_bytes({static_cast<std::int64_t>(*settings_.limit)})))
                    .with_hint("raise the volume's size first"));
  }
  taken_ += bytes;
  return {};
}

Result<int> DirectoryUnpacker::parent_of(const std::vector<std::string>& parts) {
  const std::vector<std::string> wanted(parts.begin(), parts.end() - 1);
  if (parent_.is_open() && wanted == parent_parts_) return parent_.get();
  UniqueFd at(::openat(root_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!at.is_open()) return fail(failed(errno, path_));
  for (const std::string& part : wanted) {
    TRY_ASSIGN(at, open_below(at.get(), part, true));
  }
  parent_ = std::move(at);
  parent_parts_ = wanted;
  return parent_.get();
}

Result<UniqueFd> DirectoryUnpacker::open_below(int directory, const std::string& name, bool makes) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd fd(::openat(directory, name.c_str(), kFlags));
  if (!fd.is_open() && errno == ENOENT && makes) {
    TRY(charge(kEntryCost));
    if (::mkdirat(directory, name.c_str(), 0700) != 0) return fail(failed(errno, path_));
    fd = UniqueFd(::openat(directory, name.c_str(), kFlags));
    if (fd.is_open()) {
      TRY(give(fd.get(), 0755));
    }
  }
  if (fd.is_open()) return fd;
  if (errno == ELOOP || errno == ENOTDIR)
    return fail(refused(path_, fmt::format("leads through '{}', which is no directory", name)));
  return fail(failed(errno, path_));
}

/// Whatever has the name goes, but for directories that are to stay or hold something.
Result<void> DirectoryUnpacker::make_room(int parent, const std::string& name,
                                          bool for_directory) const {
  struct stat status{};
  if (::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return errno == ENOENT ? Result<void>() : fail(failed(errno, path_));
  const bool is_directory = S_ISDIR(status.st_mode);
  if (is_directory && for_directory) return {};
  if (::unlinkat(parent, name.c_str(), is_directory ? AT_REMOVEDIR : 0) == 0) return {};
  if (errno == ENOTEMPTY || errno == EEXIST)
    return fail(refused(path_, "would take the place of a directory that is not empty"));
  return fail(failed(errno, path_));
}

Result<void> DirectoryUnpacker::make_directory_entry(int parent, const std::string& name,
                                                     const TarEntry& entry) {
  TRY(make_room(parent, name, true));
  if (::mkdirat(parent, name.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(failed(errno, path_));
  TRY_ASSIGN(const UniqueFd made, open_below(parent, name, false));
  return give(made.get(), entry.mode & kPermissions);
}

Result<void> DirectoryUnpacker::make_file(int parent, const std::string& name,
                                          const TarEntry& entry) {
  TRY(make_room(parent, name, false));
  file_ = UniqueFd(
      ::openat(parent, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file_.is_open()) return fail(failed(errno, path_));
  return give(file_.get(), entry.mode & 0777U);
}

Result<void> DirectoryUnpacker::make_symbolic_link(int parent, const std::string& name,
                                                   const TarEntry& entry) const {
  if (entry.target.empty() || entry.target.size() >= PATH_MAX)
    return fail(refused(path_, "is a link to nothing"));
  TRY(make_room(parent, name, false));
  if (::symlinkat(entry.target.c_str(), parent, name.c_str()) != 0)
    return fail(failed(errno, path_));
  if (settings_.owner && ::fchownat(parent, name.c_str(), *settings_.owner, *settings_.owner,
                                    AT_SYMLINK_NOFOLLOW) != 0) {
    return fail(failed(errno, path_));
  }
  return {};
}

Result<void> DirectoryUnpacker::make_hard_link(const std::vector<std::string>& parts,
                                               const TarEntry& entry) {
  TRY_ASSIGN(const std::vector<std::string> target, parts_of(entry.target, entry.path));
  if (target.empty()) return fail(refused(path_, "is a link to nothing"));
  UniqueFd from(::openat(root_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (std::size_t i = 0; i + 1 < target.size(); ++i) {
    TRY_ASSIGN(from, open_below(from.get(), target[i], false));
  }
  struct stat status{};
  if (::fstatat(from.get(), target.back().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0 ||
      !S_ISREG(status.st_mode)) {
    return fail(refused(path_, fmt::format("is a hard link to '{}', which is no file of the "
                                           "archive",
                                           entry.target.substr(0, 200))));
  }
  if (target == parts) return {};
  TRY_ASSIGN(const int parent, parent_of(parts));
  TRY(make_room(parent, parts.back(), false));
  if (::linkat(from.get(), target.back().c_str(), parent, parts.back().c_str(), 0) != 0)
    return fail(failed(errno, path_));
  return {};
}

Result<void> DirectoryUnpacker::give(int fd, unsigned mode) const {
  if (settings_.owner && ::fchown(fd, *settings_.owner, *settings_.owner) != 0)
    return fail(failed(errno, path_));
  if (::fchmod(fd, mode) != 0) return fail(failed(errno, path_));
  return {};
}

Result<void> DirectoryUnpacker::content(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(failed(errno, path_));
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

void DirectoryUnpacker::end() {
  if (!file_.is_open()) return;
  const std::array<timespec, 2> times{timespec{.tv_sec = modified_, .tv_nsec = 0},
                                      timespec{.tv_sec = modified_, .tv_nsec = 0}};
  (void)::futimens(file_.get(), times.data());  // a time that cannot be kept is no loss
  file_ = UniqueFd();
}

}  // namespace croft
