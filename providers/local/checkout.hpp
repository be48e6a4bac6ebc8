#pragma once
// Room providers/local: what adapters that run things on this machine have in common.
//
//   checkout      files of repositories on disk
//   addresses     networks as text; which ones are not the outside
//   machine_facts name servers, what directories hold

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "core/base/guarded.hpp"
#include "core/base/result.hpp"
#include "core/git/tree.hpp"

namespace croft {

/// Files of repositories on disk below one directory, DIRECTORY/TREE for each tree, read-only and
/// shared by all apps that run it. Blocks; thread safe.
class Checkouts {
 public:
  explicit Checkouts(std::filesystem::path directory) : directory_(std::move(directory)) {}

  std::filesystem::path path_of(const std::string& tree) const { return directory_ / tree; }

  /// Keeps a tree from being swept while an effect that needs it is under way.
  class Pin {
   public:
    Pin(Checkouts& owner, std::string tree);
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;
    ~Pin();

   private:
    Checkouts& owner_;
    std::string tree_;
  };

  /// Writes the tree, unless it is there; either way it is young from then on. Links that lead out
  /// of the tree are Invalid, as are more than 100,000 files or 4 GiB.
  Result<void> materialize(const FileTree& tree);
  /// Removes what neither the set names nor a pin holds, unless it is younger than that, and what
  /// an interrupted write left.
  void sweep(const std::set<std::string>& used, std::chrono::seconds young = {});

 private:
  std::filesystem::path directory_;
  Guarded<std::map<std::string, int>> pins_;
};

/// Pure: true if a link at `path` of a tree stays inside of it.
bool is_inner_link(std::string_view path, std::string_view target);

}  // namespace croft
