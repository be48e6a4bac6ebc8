#pragma once
// Inside core/git only: an opened object database that several threads read, and commits' trees in
// it.

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "core/base/guarded.hpp"
#include "core/git/libgit2.hpp"
#include "core/git/tree.hpp"

namespace croft::git {

/// An opened repository. Thread safe: calls take turns. If reading fails as it would of a damaged
/// repository, it is opened anew and the call made once more: `git gc` may have replaced the packs
/// that were open.
class Repository {
 public:
  /// Set when reading failed as it would of a damaged repository; outlives the Repository.
  using Suspicion = std::shared_ptr<std::atomic<bool>>;

  /// The repository whose .git (or bare) directory this is.
  static Result<std::shared_ptr<Repository>> open(const std::filesystem::path& directory,
                                                  Suspicion suspicion = {});
  Repository(std::filesystem::path directory, RepositoryHandle handle, Suspicion suspicion = {})
      : directory_(std::move(directory)),
        suspicion_(std::move(suspicion)),
        handle_(std::move(handle)) {}

  /// Runs `read(git_repository*)`, which gives a Result.
  template <typename Read>
  auto with(Read read) {
    return handle_.with([&](RepositoryHandle& handle) {
      auto result = read(handle.get());
      if (result || result.error().code() != ErrorCode::Internal) return result;
      if (auto reopened = open_again()) {
        handle = std::move(*reopened);
        result = read(handle.get());
      }
      if (!result && result.error().code() == ErrorCode::Internal)
        result.error() = damaged(std::move(result.error()));
      return result;
    });
  }

 private:
  Result<RepositoryHandle> open_again() const;
  Error damaged(Error error) const;

  const std::filesystem::path directory_;
  const Suspicion suspicion_;
  Guarded<RepositoryHandle> handle_;
};

/// A git_repository of that .git or bare directory; Denied with a hint where Git's ownership check
/// refuses it.
Result<RepositoryHandle> open_handle(const std::filesystem::path& directory, unsigned flags);

/// What every refusal by Git's ownership check says.
Error ownership_error(const std::string& path);

/// The tree object with that id, which must exist.
Result<TreeHandle> lookup_tree(git_repository* repository, const git_oid& id);

/// The id of the directory at `path` below a tree; NotFound if there is none or it is no directory.
Result<git_oid> find_directory(git_repository* repository, const git_oid& root,
                               std::string_view path);

/// A view of a tree object. The repository stays open as long as the view lives.
std::shared_ptr<const FileTree> make_repository_tree(std::shared_ptr<Repository> repository,
                                                     const git_oid& root);

}  // namespace croft::git
