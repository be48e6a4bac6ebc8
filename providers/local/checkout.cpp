#include "providers/local/checkout.hpp"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/files.hpp"

namespace croft {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaximumFiles = 100'000;
constexpr std::uint64_t kMaximumBytes = 4ULL << 30U;
constexpr std::size_t kMaximumFile = 1ULL << 30U;
constexpr std::size_t kMaximumLink = 4096;
constexpr std::string_view kUnfinished = ".new-";

Result<void> write_plain(const fs::path& path, std::string_view content, unsigned mode) {
  const UniqueFd fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!fd.is_open()) return fail(system_error(errno, "creating " + path.string()));
  while (!content.empty()) {
    const ssize_t count = ::write(fd.get(), content.data(), content.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_error(errno, "writing " + path.string()));
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fchmod(fd.get(), mode) != 0)
    return fail(system_error(errno, "setting the mode of " + path.string()));
  return {};
}

/// Git objects may be forged: a name "..", or a link and a directory of the same name, would lead a
/// writer elsewhere.
Result<void> check_path(const std::string& path, const std::set<std::string>& links) {
  const bool climbs =
      ("/" + path + "/").find("/../") != std::string::npos || path.starts_with('/') || path.empty();
  bool crosses = false;
  for (std::size_t slash = path.find('/'); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    crosses = crosses || links.contains(path.substr(0, slash));
  }
  if (!climbs && !crosses) return {};
  return fail(ErrorCode::Invalid, fmt::format("the path '{}' leads out of the app's files", path));
}

Result<void> write_entry(const FileTree& tree, const TreeFile& file, const fs::path& root) {
  const fs::path path = root / file.path;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) return fail(system_error(error.value(), "making " + path.parent_path().string()));
  if (file.mode == FileMode::Submodule || file.mode == FileMode::Directory) return {};
  if (file.mode == FileMode::Link) {
    TRY_ASSIGN(const std::string target, tree.read(file.id, kMaximumLink));
    if (!is_inner_link(file.path, target)) {
      return fail(ErrorCode::Invalid, fmt::format("the link {} leads out of the app's files, to {}",
                                                  file.path, target));
    }
    if (::symlink(target.c_str(), path.c_str()) != 0)
      return fail(system_error(errno, "linking " + path.string()));
    return {};
  }
  TRY_ASSIGN(const std::string content, tree.read(file.id, kMaximumFile));
  return write_plain(path, content, file.mode == FileMode::Executable ? 0755 : 0644);
}

Result<void> write_tree(const FileTree& tree, const fs::path& root) {
  TRY_ASSIGN(const std::vector<TreeFile> files, list_recursively(tree, kMaximumFiles));
  std::uint64_t total = 0;
  std::set<std::string> links;
  for (const TreeFile& file : files) {
    TRY(check_path(file.path, links));
    if (file.mode == FileMode::Link) links.insert(file.path);
    if (file.mode == FileMode::Regular || file.mode == FileMode::Executable) {
      TRY_ASSIGN(const std::uint64_t size, tree.blob_size(file.id));
      total += size;
      if (total > kMaximumBytes)
        return fail(ErrorCode::Invalid, "the app's files are more than 4 GiB");
    }
    TRY(write_entry(tree, file, root));
  }
  // Modes given when they were made are subject to the umask; apps of other users must be able to
  // read.
  std::error_code error;
  for (auto entry = fs::recursive_directory_iterator(root, error);
       entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (error) break;
    if (entry->is_directory(error) && !entry->is_symlink(error))
      ::chmod(entry->path().c_str(), 0755);
  }
  ::chmod(root.c_str(), 0755);
  return {};
}

}  // namespace

bool is_inner_link(std::string_view path, std::string_view target) {
  if (target.empty() || target.starts_with('/')) return false;
  std::ptrdiff_t depth = std::count(path.begin(), path.end(), '/');
  while (!target.empty()) {
    const std::size_t end = target.find('/');
    const std::string_view part = target.substr(0, end);
    target = end == std::string_view::npos ? std::string_view() : target.substr(end + 1);
    if (part == "..") --depth;
    if (!part.empty() && part != "." && part != "..") ++depth;
    if (depth < 0) return false;
  }
  return true;
}

Checkouts::Pin::Pin(Checkouts& owner, std::string tree) : owner_(owner), tree_(std::move(tree)) {
  owner_.pins_.with([&](auto& pins) { ++pins[tree_]; });
}

Checkouts::Pin::~Pin() {
  owner_.pins_.with([&](auto& pins) {
    if (--pins[tree_] == 0) pins.erase(tree_);
  });
}

Result<void> Checkouts::materialize(const FileTree& tree) {
  const std::string id = tree.id();
  const fs::path target = path_of(id);
  if (::utimensat(AT_FDCWD, target.c_str(), nullptr, 0) == 0) return {};
  std::string unfinished = (directory_ / fmt::format("{}{}-XXXXXX", kUnfinished, id)).string();
  if (::mkdtemp(unfinished.data()) == nullptr)
    return fail(system_error(errno, "making " + unfinished));
  Result<void> written = while_doing(write_tree(tree, unfinished), "writing the app's files");
  if (written && ::rename(unfinished.c_str(), target.c_str()) != 0 &&
      ::access(target.c_str(), F_OK) != 0) {
    written = fail(system_error(errno, "putting the app's files in place"));
  }
  (void)remove_tree(
      unfinished);  // gone already if the rename did it; somebody else's may have been first
  return written;
}

void Checkouts::sweep(const std::set<std::string>& used, std::chrono::seconds young) {
  const fs::file_time_type before = fs::file_time_type::clock::now() - young;
  // Under the lock they only get another name, so that nobody waits for long, and a pin taken next
  // finds its tree gone.
  std::vector<fs::path> unused;
  pins_.with([&](const std::map<std::string, int>& pins) {
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(directory_, error)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(kUnfinished)) {
        const std::string id =
            name.substr(kUnfinished.size(), name.rfind('-') - kUnfinished.size());
        if (!pins.contains(id)) unused.push_back(entry.path());
      } else if (!pins.contains(name) && !used.contains(name) &&
                 entry.last_write_time(error) <= before) {
        const fs::path doomed = directory_ / fmt::format("{}{}-doomed", kUnfinished, name);
        if (::rename(entry.path().c_str(), doomed.c_str()) == 0) unused.push_back(doomed);
      }
    }
  });
  for (const fs::path& path : unused) (void)remove_tree(path);
}

}  // namespace croft
