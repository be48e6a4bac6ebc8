#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "core/base/guarded.hpp"
#include "core/base/result.hpp"
#include "core/git/tree.hpp"
#include "providers/process/layout.hpp"

namespace croft {

/// Files of repositories on disk, one directory a tree, read-only and shared by all apps that run
/// it. Blocks; thread safe.
class Checkouts {
 public:
  explicit Checkouts(ProcessLayout layout) : layout_(std::move(layout)) {}

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

  /// Writes the tree, unless it is there. Links that lead out of the tree are Invalid, as are more
  /// than 100,000 files or 4 GiB.
  Result<void> materialize(const FileTree& tree);
  /// Removes what neither the set names nor a pin holds, and what an interrupted write left.
  void sweep(const std::set<std::string>& used);

 private:
  ProcessLayout layout_;
  Guarded<std::map<std::string, int>> pins_;
};

/// Pure: true if a link at `path` of a tree stays inside of it.
bool is_inner_link(std::string_view path, std::string_view target);

}  // namespace croft
