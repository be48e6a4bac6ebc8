#include <algorithm>
#include <array>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>
#include <unordered_map>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "core/base/guarded.hpp"
#include "core/git/enclosing_repository.hpp"
#include "core/git/repository.hpp"
#include "core/git/table_tree.hpp"
#include "core/git/tree.hpp"

namespace croft {

namespace fs = std::filesystem;

namespace {

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using DirectoryStream = std::unique_ptr<DIR, DirectoryCloser>;

/// Opens a path below a directory; no segment may be a link. The flags are for the last segment.
UniqueFd open_below(int root, std::string_view path, int flags) {
  UniqueFd at;
  int from = root;
  for (;;) {
    const std::size_t slash = path.find('/');
    const std::string name(path.substr(0, slash));
    const bool is_last = slash == path.npos;
    const int wanted = is_last ? flags : O_PATH | O_DIRECTORY;
    UniqueFd next(::openat(from, name.c_str(), wanted | O_NOFOLLOW | O_CLOEXEC));
    if (is_last || !next.is_open()) return next;
    at = std::move(next);
    from = at.get();
    path.remove_prefix(slash + 1);
  }
}

bool is_absent(int error_number) {
  return error_number == ENOENT || error_number == ENOTDIR || error_number == ELOOP;
}

constexpr std::size_t kIgnoreFileLimit = 1 << 20;
/// Room for the names of a million untracked files.
constexpr std::size_t kListingLimit = 256 << 20;

/// A file of a working tree, by its path from the repository's top.
struct StatusLine {
  std::string path;
  bool is_unmodified = false;  ///< it is what the index says
};

/// The files of a directory on disk, with what Git's attributes make of their content.
class WorkingTable final : public git::TreeTable {
 public:
  static Result<std::shared_ptr<WorkingTable>> scan(const std::string& directory);

  Result<std::string> read(const std::string& blob_id, std::size_t limit) const override {
    TRY_ASSIGN(const TreeFile file, find_blob(blob_id));
    TRY_ASSIGN(std::string content,
               while_doing(content_of(file, limit), "reading " + shown(file.path)));
    if (git::hash_object(GIT_OBJECT_BLOB, content) != blob_id) {
      return fail(Error(ErrorCode::Conflict, "it changed since Croft looked")
                      .while_doing("reading " + shown(file.path)));
    }
    return content;
  }

  Result<std::uint64_t> blob_size(const std::string& blob_id) const override {
    TRY_ASSIGN(const TreeFile file, find_blob(blob_id));
    struct stat facts{};
    if (!is_filtered(file.path)) {
      if (::fstatat(root_.get(), file.path.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) {
        return fail(system_error(errno, "looking at " + shown(file.path)));
      }
      return static_cast<std::uint64_t>(facts.st_size);
    }
    TRY_ASSIGN(const std::string content, content_of(file, kFilteredLimit));
    return content.size();
  }

 private:
  /// Filters (line ends) need the whole of a file; a larger one is taken as it is on disk.
  static constexpr std::size_t kFilteredLimit = 256 << 20;

  WorkingTable(fs::path top, UniqueFd root, git::EnclosingRepository repository)
      : top_(std::move(top)),
        root_(std::move(root)),
        prefix_(std::move(repository.prefix)),
        repository_(std::move(repository.handle)) {}

  std::string shown(const std::string& path) const { return (top_ / path).string(); }

  Result<TreeFile> find_blob(const std::string& id) const {
    const auto found = blobs_.find(id);
    if (found == blobs_.end()) return fail(ErrorCode::NotFound, "there is no blob " + id);
    return found->second;
  }

  Result<void> walk(int parent, const std::string& path, std::vector<TreeFile>& files);
  Result<void> ask_git(git_repository* repository, const fs::path& repository_top,
                       std::vector<TreeFile>& files);
  bool has_nested_exception(const fs::path& repository_top,
                            const std::vector<StatusLine>& lines) const;
  Result<void> add_untracked(std::vector<StatusLine>& lines) const;
  Result<void> add_file(const std::string& path, std::vector<TreeFile>& files);
  Result<void> add_listed(git_index* index, std::string_view path, bool is_unmodified,
                          std::vector<TreeFile>& files);
  Result<std::string> hash_of(const TreeFile& file) const;
  Result<std::string> content_of(const TreeFile& file, std::size_t limit) const;
  Result<std::string> bytes_of(const TreeFile& file, std::size_t limit) const;
  std::string nested_head(const std::string& path) const;
  git::FilterListHandle load_filter(git_repository* repository, const std::string& path) const;
  bool is_filtered(const std::string& path) const;

  const fs::path top_;
  const UniqueFd root_;
  const std::string prefix_;
  Guarded<git::RepositoryHandle> repository_;
  std::unordered_map<std::string, TreeFile> blobs_;
};

/// True if the repository ignores the directory as a whole and tracks nothing in it.
bool is_ignored_whole(const git::EnclosingRepository& found) {
  if (found.prefix.empty()) return false;
  const std::string directory = found.prefix + "/";
  int ignored = 0;
  if (git_ignore_path_is_ignored(&ignored, found.handle.get(), directory.c_str()) != 0 ||
      ignored == 0)
    return false;
  git_index* index = nullptr;
  if (git_repository_index(&index, found.handle.get()) != 0) return true;
  const git::IndexHandle owned(index);
  std::size_t position = 0;
  return git_index_find_prefix(&position, index, directory.c_str()) != 0;
}

Result<std::shared_ptr<WorkingTable>> WorkingTable::scan(const std::string& directory) {
  TRY_ASSIGN(git::EnclosingRepository found, git::find_enclosing(directory));
  UniqueFd root(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.is_open()) return fail(system_error(errno, "opening " + directory));
  const bool asks_git = found.handle != nullptr && !found.top.empty() && !is_ignored_whole(found);
  if (!asks_git) found.handle.reset();
  const fs::path repository_top = found.top;
  std::shared_ptr<WorkingTable> table(
      new WorkingTable(directory, std::move(root), std::move(found)));
  std::vector<TreeFile> files;
  if (asks_git) {
    git_repository* repository = table->repository_.with([](auto& handle) { return handle.get(); });
    TRY(table->ask_git(repository, repository_top, files));
  } else {
    TRY(table->walk(table->root_.get(), "", files));
  }
  for (const TreeFile& file : files) {
    if (file.mode != FileMode::Submodule) table->blobs_.try_emplace(file.id, file);
  }
  table->set_files(files);
  return table;
}

Result<void> WorkingTable::walk(int parent, const std::string& path, std::vector<TreeFile>& files) {
  const int fd = ::openat(parent, path.empty() ? "." : fs::path(path).filename().c_str(),
                          O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return fail(system_error(errno, "opening " + shown(path)));
  const DirectoryStream stream(::fdopendir(fd));
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == ".." || name == ".git") continue;
    const std::string inner = git::join_path(path, name);
    struct stat facts{};
    if (::fstatat(fd, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) continue;  // gone again
    if (S_ISDIR(facts.st_mode)) {
      TRY(walk(fd, inner, files));
    } else {
      TRY(add_file(inner, files));
    }
    errno = 0;
  }
  if (errno != 0) return fail(system_error(errno, "reading the directory " + shown(path)));
  return {};
}

/// Collects what git_status_foreach_ext reports.
int add_line(const char* path, unsigned flags, void* lines) {
  if ((flags & GIT_STATUS_WT_DELETED) != 0) return 0;
  static_cast<std::vector<StatusLine>*>(lines)->push_back({path, flags == GIT_STATUS_CURRENT});
  return 0;
}

Result<void> WorkingTable::ask_git(git_repository* repository, const fs::path& repository_top,
                                   std::vector<TreeFile>& files) {
  git_status_options options;
  git_status_options_init(&options, GIT_STATUS_OPTIONS_VERSION);
  options.show = GIT_STATUS_SHOW_WORKDIR_ONLY;
  options.flags = GIT_STATUS_OPT_INCLUDE_UNTRACKED | GIT_STATUS_OPT_RECURSE_UNTRACKED_DIRS |
                  GIT_STATUS_OPT_INCLUDE_UNMODIFIED | GIT_STATUS_OPT_DISABLE_PATHSPEC_MATCH;
  std::string prefix = prefix_;
  char* pathspec = prefix.data();
  if (!prefix.empty()) options.pathspec = {&pathspec, 1};
  std::vector<StatusLine> lines;
  TRY(git::check(git_status_foreach_ext(repository, &options, &add_line, &lines),
                 "comparing " + top_.string() + " with Git's index"));
  git_index* index = nullptr;
  TRY(git::check(git_repository_index(&index, repository), "reading Git's index"));
  const git::IndexHandle owned(index);
  if (has_nested_exception(repository_top, lines)) {
    std::erase_if(lines, [&](const StatusLine& line) {
      return git_index_get_bypath(index, line.path.c_str(), 0) == nullptr;
    });
    TRY(add_untracked(lines));
  }
  files.reserve(lines.size());
  for (const StatusLine& line : lines) {
    TRY(add_listed(index, line.path, line.is_unmodified, files));
  }
  return {};
}

/// True if a .gitignore below the top has a "!" line. libgit2 drops such a line unless it excepts
/// from a line of the same file, so Git itself must say what is ignored then.
bool WorkingTable::has_nested_exception(const fs::path& repository_top,
                                        const std::vector<StatusLine>& lines) const {
  const auto has_exception = [](int directory, const std::string& path) {
    const UniqueFd fd = open_below(directory, path, O_RDONLY | O_NONBLOCK);
    if (!fd.is_open()) return false;
    const auto text = read_file(fmt::format("/proc/self/fd/{}", fd.get()), kIgnoreFileLimit);
    return text && (text->starts_with('!') || text->find("\n!") != text->npos);
  };
  const UniqueFd top(::open(repository_top.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (std::string above = prefix_; !above.empty();
       above = fs::path(above).parent_path().string()) {
    if (has_exception(top.get(), above + "/.gitignore")) return true;
  }
  return std::ranges::any_of(lines, [&](const StatusLine& line) {
    return line.path.ends_with("/.gitignore") && has_exception(top.get(), line.path);
  });
}

Result<void> WorkingTable::add_untracked(std::vector<StatusLine>& lines) const {
  ChildCommand command;
  command.arguments = {"git", "-c",       "core.fsmonitor=false", "ls-files",
                       "-z",  "--others", "--exclude-standard"};
  command.directory = top_.string();
  command.output_limit = kListingLimit;
  TRY_ASSIGN(const std::string listed, run_child_checked(command));
  for (std::size_t begin = 0; begin < listed.size();) {
    const std::size_t end = std::min(listed.find('\0', begin), listed.size());
    lines.push_back({git::join_path(prefix_, listed.substr(begin, end - begin)), false});
    begin = end + 1;
  }
  return {};
}

Result<void> WorkingTable::add_listed(git_index* index, std::string_view path, bool is_unmodified,
                                      std::vector<TreeFile>& files) {
  const git_index_entry* entry = git_index_get_bypath(index, std::string(path).c_str(), 0);
  if (!prefix_.empty()) {
    if (!path.starts_with(prefix_ + "/")) return {};
    path.remove_prefix(prefix_.size() + 1);
  }
  const bool is_nested =
      path.ends_with('/') || (entry != nullptr && entry->mode == GIT_FILEMODE_COMMIT);
  if (path.ends_with('/')) path.remove_suffix(1);
  std::string name(path);
  if (is_nested) {
    std::string head = nested_head(name);
    if (head.empty() && entry != nullptr) head = git::to_hex(entry->id);
    // Git refuses to add a repository that has no commit.
    if (!head.empty()) files.push_back({std::move(name), FileMode::Submodule, std::move(head)});
    return {};
  }
  if (entry == nullptr || !is_unmodified) return add_file(name, files);
  const FileMode mode = entry->mode == GIT_FILEMODE_LINK              ? FileMode::Link
                        : entry->mode == GIT_FILEMODE_BLOB_EXECUTABLE ? FileMode::Executable
                                                                      : FileMode::Regular;
  files.push_back({std::move(name), mode, git::to_hex(entry->id)});
  return {};
}

Result<void> WorkingTable::add_file(const std::string& path, std::vector<TreeFile>& files) {
  struct stat facts{};
  const UniqueFd at = open_below(root_.get(), path, O_PATH);
  if (!at.is_open() && is_absent(errno)) return {};
  if (!at.is_open() || ::fstat(at.get(), &facts) != 0)
    return fail(system_error(errno, "looking at " + shown(path)));
  if (!S_ISREG(facts.st_mode) && !S_ISLNK(facts.st_mode)) return {};
  TreeFile file{path, FileMode::Regular, ""};
  if ((facts.st_mode & S_IXUSR) != 0) file.mode = FileMode::Executable;
  if (S_ISLNK(facts.st_mode)) file.mode = FileMode::Link;
  const Result<std::string> id = hash_of(file);
  if (!id && id.error().code() == ErrorCode::NotFound) return {};  // gone while we looked
  TRY_ASSIGN(file.id, while_doing(id, "reading " + shown(path)));
  files.push_back(std::move(file));
  return {};
}

Result<std::string> WorkingTable::hash_of(const TreeFile& file) const {
  if (file.mode == FileMode::Link || is_filtered(file.path)) {
    TRY_ASSIGN(const std::string content, content_of(file, kFilteredLimit));
    return git::hash_object(GIT_OBJECT_BLOB, content);
  }
  const UniqueFd fd = open_below(root_.get(), file.path, O_RDONLY | O_NONBLOCK);
  if (!fd.is_open()) return fail(system_error(errno, "opening it"));
  git_oid id{};
  // By descriptor: the path may lead elsewhere by now.
  const std::string opened = fmt::format("/proc/self/fd/{}", fd.get());
  TRY(git::check(git_odb_hashfile(&id, opened.c_str(), GIT_OBJECT_BLOB), "hashing it"));
  return git::to_hex(id);
}

Result<std::string> WorkingTable::bytes_of(const TreeFile& file, std::size_t limit) const {
  if (file.mode == FileMode::Link) {
    const UniqueFd at = open_below(root_.get(), file.path, O_PATH);
    std::array<char, 4096> target{};
    const ssize_t size =
        at.is_open() ? ::readlinkat(at.get(), "", target.data(), target.size()) : -1;
    if (size < 0) return fail(system_error(errno, "reading the link"));
    return std::string(target.data(), static_cast<std::size_t>(size));
  }
  const UniqueFd fd = open_below(root_.get(), file.path, O_RDONLY | O_NONBLOCK);
  if (!fd.is_open()) return fail(system_error(errno, "opening it"));
  return read_file(fmt::format("/proc/self/fd/{}", fd.get()), limit);
}

Result<std::string> WorkingTable::content_of(const TreeFile& file, std::size_t limit) const {
  TRY_ASSIGN(std::string bytes, bytes_of(file, limit));
  if (file.mode == FileMode::Link) return bytes;
  return repository_.with([&](const git::RepositoryHandle& repository) -> Result<std::string> {
    const git::FilterListHandle filter = load_filter(repository.get(), file.path);
    if (!filter) return std::move(bytes);
    git_buf filtered = GIT_BUF_INIT;
    const int code =
        git_filter_list_apply_to_buffer(&filtered, filter.get(), bytes.data(), bytes.size());
    std::string content(filtered.ptr != nullptr ? filtered.ptr : "", filtered.size);
    git_buf_dispose(&filtered);
    TRY(git::check(code, "applying Git's attributes"));
    return content;
  });
}

std::string WorkingTable::nested_head(const std::string& path) const {
  const auto nested = git::open_handle(top_ / path, GIT_REPOSITORY_OPEN_NO_SEARCH);
  git_oid id{};
  if (!nested || git_reference_name_to_id(&id, nested->get(), "HEAD") != 0) return {};
  return git::to_hex(id);
}

git::FilterListHandle WorkingTable::load_filter(git_repository* repository,
                                                const std::string& path) const {
  if (repository == nullptr) return nullptr;
  git_filter_list* filters = nullptr;
  const std::string whole = git::join_path(prefix_, path);
  const int code = git_filter_list_load(&filters, repository, nullptr, whole.c_str(),
                                        GIT_FILTER_TO_ODB, GIT_FILTER_DEFAULT);
  return git::FilterListHandle(code == 0 ? filters : nullptr);
}

bool WorkingTable::is_filtered(const std::string& path) const {
  return repository_.with([&](const git::RepositoryHandle& repository) {
    return load_filter(repository.get(), path) != nullptr;
  });
}

}  // namespace

Result<std::shared_ptr<const FileTree>> open_working_tree(const std::string& directory) {
  TRY_ASSIGN(std::shared_ptr<WorkingTable> table, WorkingTable::scan(directory));
  return git::make_table_tree(std::move(table));
}

}  // namespace croft
