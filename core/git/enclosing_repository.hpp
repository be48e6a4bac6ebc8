#pragma once
// Inside core/git only: the repository that a directory of the user's is in.

#include <filesystem>
#include <string>

#include "core/git/libgit2.hpp"

namespace croft::git {

struct EnclosingRepository {
  RepositoryHandle handle;    ///< null if the directory is in none
  std::filesystem::path top;  ///< of the working tree; empty for a bare repository
  std::string prefix;         ///< the directory's path below `top`, "" for the top
};

/// NotFound: there is no such directory. Denied: Git's ownership check refuses the repository.
Result<EnclosingRepository> find_enclosing(const std::filesystem::path& directory);

}  // namespace croft::git
