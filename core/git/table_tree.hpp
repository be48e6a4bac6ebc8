#pragma once
// Inside core/git only: trees that are not in an object database (memory, a working directory).

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/git/tree.hpp"

namespace croft::git {

/// Every directory of a tree with its entries and ids, all known; where blobs come from is the
/// subclass's matter.
class TreeTable {
 public:
  struct Directory {
    std::string id;
    std::vector<TreeEntry> entries;  ///< sorted by name
  };

  virtual ~TreeTable() = default;
  virtual Result<std::string> read(const std::string& blob_id, std::size_t limit) const = 0;
  virtual Result<std::uint64_t> blob_size(const std::string& blob_id) const = 0;

  /// Puts the directories together of all the files that there are. Called once, before anybody
  /// reads.
  void set_files(const std::vector<TreeFile>& files);
  /// Or one by one: a directory whose subdirectories were added before it; gives its id.
  const std::string& add_directory(std::string path, std::vector<TreeEntry> entries);
  const Directory* find(const std::string& path) const;

 private:
  struct Folder;
  std::string add_folder(const Folder& folder, const std::string& path);

  std::unordered_map<std::string, Directory> directories_;
};

/// The tree that the table describes.
std::shared_ptr<const FileTree> make_table_tree(std::shared_ptr<const TreeTable> table);

/// The id that Git gives to a directory of these entries.
std::string hash_directory(std::vector<TreeEntry> entries);

/// "a/b" of "a" and "b"; either may be empty.
std::string join_path(std::string_view directory, std::string_view name);

/// Invalid if a tree path is absolute, ends in "/" or has empty, "." or ".." segments. "" is good.
Result<void> check_tree_path(std::string_view path);

}  // namespace croft::git
