#pragma once
// Inside core/git only: where the parts of a repository on this machine's disk are. The repository
// is a stranger's: what is here reads only regular files and small ones, so that it never waits
// (libgit2 would, on a pipe).

#include <filesystem>
#include <optional>
#include <string>

namespace croft::git {

/// The directories of a repository: equal, except in a linked worktree.
struct RepositoryLayout {
  std::filesystem::path git_directory;     ///< has HEAD
  std::filesystem::path common_directory;  ///< has refs and packed-refs
};

/// Finds the repository at a path as `git fetch PATH` does: a bare one, a working tree, a linked
/// worktree. Reads no configuration and runs no ownership check. Nothing if there is none.
std::optional<RepositoryLayout> find_repository(const std::filesystem::path& path);

/// The object id that a full ref name (or HEAD) stands for now, if a look at its files tells;
/// nothing in any doubt.
std::optional<std::string> peek_ref(const RepositoryLayout& layout, const std::string& ref);

}  // namespace croft::git
