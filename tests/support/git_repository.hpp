#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/base/files.hpp"

namespace croft {

/// A real Git repository in a temporary directory of its own, for tests. Every call runs `git`
/// without the user's configuration and throws std::runtime_error with Git's words if it fails.
/// Commits are signed by nobody (unless its own configuration says so), made by "Tester", one
/// second apart from a fixed time on, so that the same calls give the same ids.
class GitRepository {
 public:
  using Files = std::vector<std::pair<std::string, std::string>>;  ///< path → content

  /// With a working tree, on branch `main`, without a commit yet.
  static GitRepository make();
  /// Bare, without a commit: what one pushes to.
  static GitRepository make_bare();
  /// A clone with a working tree; its `origin` is this one.
  GitRepository clone() const;

  const std::filesystem::path& path() const { return root_; }
  /// file:// URL.
  std::string url() const { return "file://" + root_.string(); }

  /// Runs git here and gives its standard output without the last newline.
  std::string git(std::vector<std::string> arguments) const;

  // The working tree; paths are relative to it, directories are made as needed.
  void write(const std::string& path, const std::string& content) const;
  void write_executable(const std::string& path, const std::string& content) const;
  void link(const std::string& path, const std::string& target) const;
  void remove(const std::string& path) const;

  /// Commits all of the working tree (even if nothing changed); gives the commit's id.
  std::string commit(const std::string& message = "change");
  /// Writes the files, then commits all.
  std::string commit(const Files& files, const std::string& message = "change");
  /// Replaces the newest commit by one with the working tree as it is now: what a force-push then
  /// brings.
  std::string amend(const std::string& message = "rewritten");

  /// Starts a branch here and switches to it.
  void start_branch(const std::string& name) const;
  void switch_to(const std::string& branch) const;
  /// Pushes HEAD (or `refspec`) to origin.
  void push(const std::string& refspec = "HEAD") const;
  void force_push(const std::string& refspec = "HEAD") const;
  /// Deletes a branch of this repository, merged or not.
  void delete_branch(const std::string& name) const;

  /// The commit id that a revision names.
  std::string id_of(const std::string& revision = "HEAD") const;

 private:
  explicit GitRepository(TemporaryDirectory directory);
  std::string record(std::vector<std::string> arguments);

  TemporaryDirectory directory_;
  std::filesystem::path root_;
  int commits_ = 0;
};

}  // namespace croft
