#include "providers/site/release_store.hpp"

#include <cerrno>
#include <fcntl.h>
#include <mutex>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/files.hpp"

namespace croft::site {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kIndexLimit = 64 << 20;

bool has_size(const fs::path& path, std::uint64_t size) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && static_cast<std::uint64_t>(status.st_size) == size;
}

// One call for all new blobs: a sync of each of a hundred small files takes a hundred times as
// long.
Result<void> sync_file_system(const fs::path& directory) {
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.is_open() || ::syncfs(fd.get()) != 0)
    return fail(system_error(errno, "syncing " + directory.string()));
  return {};
}

// The entries of a directory; std::filesystem's iterators throw in the middle.
Result<std::vector<fs::path>> entries_of(const fs::path& directory) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    entries.push_back(it->path());
  }
  if (error) return fail(system_error(error.value(), "listing " + directory.string()));
  return entries;
}

Result<void> remove_file(const fs::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return fail(system_error(errno, "removing " + path.string()));
  return {};
}

}  // namespace

Result<void> ReleaseStore::open() {
  // Others may read it: the gateway need not be the user that writes it.
  TRY(make_directory(directory_, 0755));
  TRY(make_directory(directory_ / "blobs", 0755));
  TRY(make_directory(directory_ / "releases", 0755));
  return {};
}

bool ReleaseStore::has(const std::string& id) const {
  return ::access(release_index_path(directory_, id).c_str(), R_OK) == 0;
}

Result<void> ReleaseStore::publish(const Release& release, const FileTree& tree,
                                   const std::function<Result<void>()>& may_go_on) {
  bool is_any_new = false;
  for (const auto& [path, file] : release.files) {
    TRY(may_go_on());
    TRY_ASSIGN(const bool is_new, while_doing(write_blob({path, file.id, file.size}, tree),
                                              "publishing '" + path + "'"));
    is_any_new |= is_new;
  }
  if (is_any_new) {
    TRY(sync_file_system(directory_));
  }
  TRY(may_go_on());
  if (has(release.id)) return {};
  return write_file_atomic(release_index_path(directory_, release.id), write_release(release), 0444,
                           Durability::Full);
}

// True if it was not there yet.
Result<bool> ReleaseStore::write_blob(const ServedFile& file, const FileTree& tree) {
  const fs::path path = release_blob_path(directory_, file.blob);
  if (has_size(path, file.size)) return false;
  if (::access(path.parent_path().c_str(), F_OK) != 0) {
    TRY(make_directory(path.parent_path(), 0755));
  }
  TRY_ASSIGN(const std::string content, tree.read(file.blob, file.size));
  if (content.size() != file.size)
    return fail(ErrorCode::Internal, "the blob " + file.blob + " changed its size");
  TRY(write_file_atomic(path, content, 0444));
  return true;
}

Result<std::size_t> ReleaseStore::sweep(const std::function<std::set<std::string>()>& live,
                                        std::chrono::milliseconds now,
                                        std::chrono::milliseconds grace) {
  const std::unique_lock lock(sweeping_);
  TRY_ASSIGN(const std::set<std::string> left, remove_unnamed_releases(live(), now, grace));
  TRY_ASSIGN(const std::set<std::string> named, named_blobs(left));
  TRY(remove_unnamed_blobs(named));
  return unnamed_since_.size();
}

// Gives those that stay.
Result<std::set<std::string>> ReleaseStore::remove_unnamed_releases(
    const std::set<std::string>& live, std::chrono::milliseconds now,
    std::chrono::milliseconds grace) {
  TRY_ASSIGN(const std::vector<fs::path> entries, entries_of(directory_ / "releases"));
  std::map<std::string, std::chrono::milliseconds> unnamed;
  std::set<std::string> left;
  for (const fs::path& entry : entries) {
    const std::string id = entry.stem().string();
    if (entry.extension() != ".json") {
      TRY(remove_file(entry));  // half written when a process was killed
    } else if (live.contains(id)) {
      left.insert(id);
    } else {
      const auto known = unnamed_since_.find(id);
      const auto since = known == unnamed_since_.end() ? now : known->second;
      if (now - since >= grace) {
        TRY(remove_file(entry));
      } else {
        unnamed.emplace(id, since);
        left.insert(id);
      }
    }
  }
  unnamed_since_ = std::move(unnamed);
  return left;
}

Result<std::set<std::string>> ReleaseStore::named_blobs(
    const std::set<std::string>& releases) const {
  std::set<std::string> named;
  for (const std::string& id : releases) {
    TRY_ASSIGN(const std::string json, read_file(release_index_path(directory_, id), kIndexLimit));
    TRY_ASSIGN(const Release release, while_doing(read_release(json), "reading the release " + id));
    for (const auto& [path, file] : release.files) named.insert(file.id);
  }
  return named;
}

Result<void> ReleaseStore::remove_unnamed_blobs(const std::set<std::string>& named) const {
  TRY_ASSIGN(const std::vector<fs::path> directories, entries_of(directory_ / "blobs"));
  for (const fs::path& directory : directories) {
    TRY_ASSIGN(const std::vector<fs::path> blobs, entries_of(directory));
    for (const fs::path& blob : blobs) {
      const std::string id = directory.filename().string() + blob.filename().string();
      if (!named.contains(id)) {
        TRY(remove_file(blob));
      }
    }
  }
  return {};
}

}  // namespace croft::site
