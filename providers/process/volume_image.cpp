#include "providers/process/volume_image.hpp"

#include <array>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <system_error>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"

namespace croft::volume_image {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kBlock = 4096;
constexpr std::int64_t kBytesPerInode = 8192;
constexpr std::int64_t kJournalMebibytes = 4;  // the smallest; volumes are not written that fast
constexpr Duration kDeadline{120'000};
/// How long a mount that was just taken away may still hold the image: until the kernel has cleaned
/// up after the app that had it.
constexpr std::chrono::seconds kReleasePatience{10};

/// What the file must have for that much content: inodes take a 32nd, the journal and the group
/// descriptors the rest.
std::int64_t image_bytes(Bytes size) {
  const std::int64_t bytes = size.count + size.count / 16 + (kJournalMebibytes << 20) + (1 << 19);
  return (bytes + kBlock - 1) / kBlock * kBlock;
}

Result<void> set_length(const fs::path& image, std::int64_t bytes) {
  if (::truncate(image.c_str(), bytes) == 0) return {};
  return fail(system_error(errno, "resizing " + image.string()));
}

/// The size that the file system in the image believes to have. From the superblock: little endian,
/// the number of blocks at byte 4, the logarithm of their size less 10 at byte 24
/// (kernel.org/doc/html/latest/filesystems/ext4/super.html).
Result<std::int64_t> file_system_bytes(const fs::path& image) {
  constexpr std::size_t kSuperblock = 1024;
  std::array<unsigned char, 1024> super{};
  std::ifstream file(image, std::ios::binary);
  file.seekg(kSuperblock);
  file.read(reinterpret_cast<char*>(super.data()), super.size());
  const bool is_ext4 = file && super[56] == 0x53 && super[57] == 0xEF;
  if (!is_ext4) return fail(ErrorCode::Internal, image.string() + " is no image of a volume");
  const auto number_at = [&super](std::size_t i) {
    return static_cast<std::uint32_t>(super[i]) | static_cast<std::uint32_t>(super[i + 1]) << 8U |
           static_cast<std::uint32_t>(super[i + 2]) << 16U |
           static_cast<std::uint32_t>(super[i + 3]) << 24U;
  };
  return static_cast<std::int64_t>(number_at(4)) << (10U + number_at(24));
}

/// True while the kernel has the image open as a device, mounted or not, in whatever namespace.
bool is_attached(const fs::path& image) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator("/sys/block", ignored)) {
    const Result<std::string> file = read_file(entry.path() / "loop" / "backing_file", 8192);
    if (file && std::string_view(*file).substr(0, file->find('\n')) == image.native()) return true;
  }
  return false;
}

Result<void> wait_until_released(const fs::path& image) {
  const auto end = std::chrono::steady_clock::now() + kReleasePatience;
  while (is_attached(image)) {
    if (std::chrono::steady_clock::now() > end)
      return fail(ErrorCode::Conflict, image.string() + " is still mounted somewhere");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return {};
}

/// e2fsck mends what it safely can, and says so with 1.
Result<void> check(const fs::path& image, bool always) {
  const ChildCommand command{.arguments = {"e2fsck", always ? "-fp" : "-p", image.string()},
                             .deadline = kDeadline};
  TRY_ASSIGN(const ChildOutput output, run_child(command));
  if (output.status <= 1) return {};
  return fail(Error(ErrorCode::Unavailable,
                    fmt::format("the volume {} is damaged: {}", image.string(), output.output))
                  .with_hint("look at it with e2fsck -f, or restore it"));
}

Result<void> shrink(const fs::path& image, std::int64_t bytes) {
  const ChildCommand command{
      .arguments = {"resize2fs", image.string(), fmt::format("{}K", bytes / 1024)},
      .deadline = kDeadline};
  TRY_ASSIGN(const ChildOutput output, run_child(command));
  if (output.status != 0)
    return fail(Error(ErrorCode::Invalid, "the volume holds more than its new size")
                    .with_hint("remove files from it first, or leave its size as it is"));
  return set_length(image, bytes);
}

Result<void> grow(const fs::path& image, std::int64_t bytes) {
  TRY(set_length(image, bytes));
  const ChildCommand command{.arguments = {"resize2fs", image.string()}, .deadline = kDeadline};
  TRY(run_child_checked(command));
  return {};
}

}  // namespace

Result<void> make(const fs::path& image, Bytes size, unsigned uid) {
  const fs::path half_made = image.string() + ".new";
  ::unlink(half_made.c_str());
  const UniqueFd file(::open(half_made.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.is_open()) return fail(system_error(errno, "making " + half_made.string()));
  TRY(set_length(half_made, image_bytes(size)));
  const ChildCommand command{
      .arguments = {"mke2fs", "-q", "-F", "-t", "ext4", "-b", std::to_string(kBlock), "-i",
                    std::to_string(kBytesPerInode), "-m", "0", "-J",
                    fmt::format("size={}", kJournalMebibytes), "-E",
                    fmt::format("root_owner={0}:{0}", uid), half_made.string()},
      .deadline = kDeadline};
  TRY(while_doing(run_child_checked(command), "making a file system for a volume"));
  if (::fsync(file.get()) != 0 || ::rename(half_made.c_str(), image.c_str()) != 0)
    return fail(system_error(errno, "making " + image.string()));
  return {};
}

Result<void> fit(const fs::path& image, Bytes size) {
  const std::int64_t wanted = image_bytes(size);
  TRY_ASSIGN(const std::int64_t now, file_system_bytes(image));
  if (now == wanted) return {};
  TRY(wait_until_released(image));
  TRY(check(image, true));
  return now < wanted ? grow(image, wanted) : shrink(image, wanted);
}

Result<void> mount(const fs::path& image, const fs::path& directory) {
  if (is_mounted(directory)) return {};
  // Mounted by an app that is about to end, it is whole; a second mount shares the first one's.
  if (!is_attached(image)) {
    TRY(check(image, false));
  }
  const ChildCommand command{
      .arguments = {"mount", "-t", "ext4", "-o", "loop,nosuid,nodev,noatime,discard",
                    image.string(), directory.string()},
      .deadline = kDeadline};
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(system_error(errno, "making " + directory.string()));
  TRY(while_doing(run_child_checked(command), "mounting a volume"));
  // As mke2fs left it: open to all, and with a directory in it that programs which want an empty
  // one would stumble over. e2fsck makes it again if it ever needs it.
  const fs::path lost_and_found = directory / "lost+found";
  if (::access(lost_and_found.c_str(), F_OK) == 0) {
    ::chmod(directory.c_str(), 0700);
    ::rmdir(lost_and_found.c_str());
  }
  return {};
}

bool is_mounted(const fs::path& directory) {
  struct stat here{};
  struct stat above{};
  return ::lstat(directory.c_str(), &here) == 0 &&
         ::lstat(directory.parent_path().c_str(), &above) == 0 && here.st_dev != above.st_dev;
}

Result<void> unmount(const fs::path& directory) {
  while (is_mounted(directory)) {
    if (::umount2(directory.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0)
      return fail(system_error(errno, "unmounting " + directory.string()));
  }
  // Every mount namespace that was made meanwhile, each app's among them, has a copy of the mount.
  // Removing the directory below takes it away in all of them (Linux 3.18 and later).
  if (::rmdir(directory.c_str()) != 0 && errno != ENOENT)
    return fail(system_error(errno, "removing " + directory.string()));
  return {};
}

std::int64_t used_bytes(const fs::path& directory) {
  struct statvfs status{};
  if (!is_mounted(directory) || ::statvfs(directory.c_str(), &status) != 0) return 0;
  return static_cast<std::int64_t>((status.f_blocks - status.f_bfree) * status.f_frsize);
}

bool is_full(const fs::path& directory) {
  struct statvfs status{};
  // ext4 keeps a little for itself, and a program is told so before the last block is gone.
  return ::statvfs(directory.c_str(), &status) == 0 &&
         (status.f_bavail < status.f_blocks / 64 || status.f_favail == 0);
}

Result<void> try_out() {
  TRY_ASSIGN(const TemporaryDirectory directory, TemporaryDirectory::make("croft-volume-"));
  const fs::path image = directory.path() / "image";
  const fs::path mounted = directory.path() / "mounted";
  TRY(make(image, Bytes{1 << 20}, 0));
  TRY(fit(image, Bytes{2 << 20}));
  TRY(mount(image, mounted));
  return unmount(mounted);
}

}  // namespace croft::volume_image
