#include "core/git/repository.hpp"

#include <algorithm>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "core/git/table_tree.hpp"

namespace croft::git {

namespace {

FileMode mode_of(const git_tree_entry* entry) {
  switch (git_tree_entry_filemode(entry)) {
    case GIT_FILEMODE_TREE:
      return FileMode::Directory;
    case GIT_FILEMODE_BLOB_EXECUTABLE:
      return FileMode::Executable;
    case GIT_FILEMODE_LINK:
      return FileMode::Link;
    case GIT_FILEMODE_COMMIT:
      return FileMode::Submodule;
    default:
      return FileMode::Regular;
  }
}

TreeEntry convert(const git_tree_entry* entry) {
  return {git_tree_entry_name(entry), mode_of(entry), to_hex(*git_tree_entry_id(entry))};
}

/// An object that another object names must be there: its absence is damage.
Error damage(Error error) {
  if (error.code() != ErrorCode::NotFound) return error;
  return Error(ErrorCode::Internal, error.message()).while_doing("reading what a commit names");
}

/// "a/b/c" as "a/b" and "c".
std::pair<std::string_view, std::string_view> split_last(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == path.npos) return {std::string_view(), path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

Result<std::vector<TreeEntry>> list_tree(git_repository* repository, const git_oid& id) {
  TRY_ASSIGN(const TreeHandle tree, lookup_tree(repository, id));
  std::vector<TreeEntry> entries;
  const std::size_t count = git_tree_entrycount(tree.get());
  entries.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    entries.push_back(convert(git_tree_entry_byindex(tree.get(), i)));
  }
  // Git's own order differs from that of names only around directories.
  if (!std::ranges::is_sorted(entries, {}, &TreeEntry::name)) {
    std::ranges::sort(entries, {}, &TreeEntry::name);
  }
  return entries;
}

Result<OdbHandle> open_odb(git_repository* repository) {
  git_odb* odb = nullptr;
  TRY(check(git_repository_odb(&odb, repository), "opening the object database"));
  return OdbHandle(odb);
}

Result<std::uint64_t> size_of_blob(git_odb* odb, const git_oid& id) {
  std::size_t size = 0;
  git_object_t type = GIT_OBJECT_INVALID;
  // The header alone: a small pack can hold a blob that is larger than the memory.
  if (const int code = git_odb_read_header(&size, &type, odb, &id); code != 0) {
    return fail(damage(libgit2_error(code, "reading the blob " + to_hex(id))));
  }
  if (type != GIT_OBJECT_BLOB) return fail(ErrorCode::Invalid, to_hex(id) + " is no blob");
  return size;
}

Result<std::string> read_blob(git_repository* repository, const git_oid& id, std::size_t limit) {
  TRY_ASSIGN(const OdbHandle odb, open_odb(repository));
  TRY_ASSIGN(const std::uint64_t size, size_of_blob(odb.get(), id));
  if (size > limit)
    return fail(ErrorCode::Invalid, fmt::format("it is larger than {} bytes", limit));
  git_odb_object* object = nullptr;
  if (const int code = git_odb_read(&object, odb.get(), &id); code != 0) {
    return fail(damage(libgit2_error(code, "reading the blob " + to_hex(id))));
  }
  const OdbObjectHandle owned(object);
  return std::string(static_cast<const char*>(git_odb_object_data(object)),
                     git_odb_object_size(object));
}

class RepositoryTree final : public FileTree {
 public:
  RepositoryTree(std::shared_ptr<Repository> repository, const git_oid& root)
      : repository_(std::move(repository)), root_(root) {}

  std::string id() const override { return to_hex(root_); }

  Result<std::vector<TreeEntry>> list(std::string_view directory) const override {
    return repository_->with([&](git_repository* repository) -> Result<std::vector<TreeEntry>> {
      TRY_ASSIGN(const git_oid id, find_directory(repository, root_, directory));
      return list_tree(repository, id);
    });
  }

  Result<TreeEntry> entry(std::string_view path) const override {
    TRY(check_tree_path(path));
    if (path.empty()) return TreeEntry{"", FileMode::Directory, id()};
    const auto [parent, name] = split_last(path);
    return repository_->with([&](git_repository* repository) -> Result<TreeEntry> {
      Result<git_oid> directory = find_directory(repository, root_, parent);
      if (!directory && directory.error().code() == ErrorCode::NotFound) return absent(path);
      TRY(directory);
      TRY_ASSIGN(const TreeHandle tree, lookup_tree(repository, *directory));
      const git_tree_entry* found = git_tree_entry_byname(tree.get(), std::string(name).c_str());
      if (found == nullptr) return absent(path);
      return convert(found);
    });
  }

  Result<std::string> read(const std::string& blob_id, std::size_t limit) const override {
    TRY_ASSIGN(const git_oid id, parse_id(blob_id));
    return repository_->with(
        [&](git_repository* repository) { return read_blob(repository, id, limit); });
  }

  Result<std::uint64_t> blob_size(const std::string& blob_id) const override {
    TRY_ASSIGN(const git_oid id, parse_id(blob_id));
    return repository_->with([&](git_repository* repository) -> Result<std::uint64_t> {
      TRY_ASSIGN(const OdbHandle odb, open_odb(repository));
      return size_of_blob(odb.get(), id);
    });
  }

  Result<std::shared_ptr<const FileTree>> subtree(std::string_view path) const override {
    const auto find = [&](git_repository* repository) {
      return find_directory(repository, root_, path);
    };
    TRY_ASSIGN(const git_oid id, repository_->with(find));
    return make_repository_tree(repository_, id);
  }

 private:
  static std::unexpected<Error> absent(std::string_view path) {
    return fail(ErrorCode::NotFound, fmt::format("there is no '{}'", path));
  }

  std::shared_ptr<Repository> repository_;
  git_oid root_;
};

/// The directory that the ownership check is about: the top of the working tree around a path, or
/// the path itself.
std::string owned_directory(const std::filesystem::path& path) {
  std::error_code error;
  for (std::filesystem::path at = path; at.has_relative_path(); at = at.parent_path()) {
    if (std::filesystem::exists(at / ".git", error)) return at.string();
  }
  return path.string();
}

}  // namespace

Error ownership_error(const std::string& path) {
  return Error(ErrorCode::Denied,
               fmt::format("Git refuses the repository {} because another user owns it", path))
      .with_hint(fmt::format("if you trust it, run: {}git config --system --add safe.directory {}",
                             ::geteuid() == 0 ? "" : "sudo ", path));
}

Result<RepositoryHandle> open_handle(const std::filesystem::path& directory, unsigned flags) {
  start_libgit2();
  git_repository* repository = nullptr;
  const int code = git_repository_open_ext(&repository, directory.c_str(), flags, nullptr);
  if (code == 0) return RepositoryHandle(repository);
  Error error = libgit2_error(code, "opening the repository " + directory.string());
  // libgit2 1.5 reports a refusal as a setting that it did not find.
  const bool is_refused =
      code == GIT_EOWNER || error.message().find("safe.directory") != std::string::npos;
  if (is_refused) return fail(ownership_error(owned_directory(directory)));
  return fail(std::move(error));
}

Result<std::shared_ptr<Repository>> Repository::open(const std::filesystem::path& directory,
                                                     Suspicion suspicion) {
  TRY_ASSIGN(RepositoryHandle handle, open_handle(directory, GIT_REPOSITORY_OPEN_NO_SEARCH));
  return std::make_shared<Repository>(directory, std::move(handle), std::move(suspicion));
}

Result<RepositoryHandle> Repository::open_again() const {
  return open_handle(directory_, GIT_REPOSITORY_OPEN_NO_SEARCH);
}

Error Repository::damaged(Error error) const {
  if (suspicion_) *suspicion_ = true;
  return std::move(error)
      .while_doing("reading the repository " + directory_.string())
      .with_hint(suspicion_ ? "the next fetch checks this mirror and makes it anew if it is damaged"
                            : "run git fsck in it");
}

Result<TreeHandle> lookup_tree(git_repository* repository, const git_oid& id) {
  git_tree* tree = nullptr;
  const int code = git_tree_lookup(&tree, repository, &id);
  if (code != 0) return fail(damage(libgit2_error(code, "reading the tree " + to_hex(id))));
  return TreeHandle(tree);
}

Result<git_oid> find_directory(git_repository* repository, const git_oid& root,
                               std::string_view path) {
  TRY(check_tree_path(path));
  git_oid id = root;
  for (std::string_view rest = path; !rest.empty();) {
    const std::size_t slash = rest.find('/');
    TRY_ASSIGN(const TreeHandle tree, lookup_tree(repository, id));
    const std::string name(rest.substr(0, slash));
    const git_tree_entry* found = git_tree_entry_byname(tree.get(), name.c_str());
    if (found == nullptr || git_tree_entry_type(found) != GIT_OBJECT_TREE) {
      return fail(ErrorCode::NotFound, fmt::format("there is no directory '{}'", path));
    }
    id = *git_tree_entry_id(found);
    rest = slash == rest.npos ? std::string_view() : rest.substr(slash + 1);
  }
  return id;
}

std::shared_ptr<const FileTree> make_repository_tree(std::shared_ptr<Repository> repository,
                                                     const git_oid& root) {
  return std::make_shared<RepositoryTree>(std::move(repository), root);
}

}  // namespace croft::git
