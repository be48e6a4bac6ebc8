#pragma once
// Room core/git: Git repositories, read-only. The only room that includes git2.h.
//
// - tree: an immutable view of a directory at a commit; what the rest of Croft sees of Git
// - mirror: our bare copy of a source's repository: fetched by a child, read in process
// - watch: notices that a local repository's ref moved

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace croft {

enum class FileMode { Regular, Executable, Link, Directory, Submodule };

/// One entry of a directory.
struct TreeEntry {
  std::string name;
  FileMode mode = FileMode::Regular;
  std::string id;  ///< of the blob or tree: 40 hexadecimal digits; equal content has an equal id
};

/// An immutable view of a directory: at a commit, of a working tree, or of a test. Thread safe; may
/// block (call on a BlockingPool). Paths are relative, "/"-separated, without "." or "..".
class FileTree {
 public:
  virtual ~FileTree() = default;

  /// Equal ids mean equal content, recursively.
  virtual std::string id() const = 0;
  /// Entries of a directory ("" is the root), sorted by name.
  virtual Result<std::vector<TreeEntry>> list(std::string_view directory) const = 0;
  /// The entry at a path; NotFound if there is none. For "" it is the root itself.
  virtual Result<TreeEntry> entry(std::string_view path) const = 0;
  /// A blob's content by its id; Invalid if it is larger than the limit.
  virtual Result<std::string> read(const std::string& blob_id, std::size_t limit) const = 0;
  virtual Result<std::uint64_t> blob_size(const std::string& blob_id) const = 0;
  /// The directory at `path` as a tree of its own.
  virtual Result<std::shared_ptr<const FileTree>> subtree(std::string_view path) const = 0;
};

/// Every file below the root of a tree, with its path; stops with Invalid past `limit` files.
struct TreeFile {
  std::string path;
  FileMode mode;
  std::string id;
};
Result<std::vector<TreeFile>> list_recursively(const FileTree& tree, std::size_t limit);

/// A file that differs between two trees.
struct TreeChange {
  std::string path;
  std::optional<TreeFile> before;  ///< nothing if it is new
  std::optional<TreeFile> after;   ///< nothing if it is gone
};

/// Every file that differs, sorted by directory and name. Lists only directories whose ids differ,
/// so that the cost is that of the change and not of the trees. Invalid past `limit` changes.
Result<std::vector<TreeChange>> diff_trees(const FileTree& before, const FileTree& after,
                                           std::size_t limit);

/// A directory on disk seen as a tree, its ids computed as Git does (so equal content has the same
/// ids as in a commit). For `croft validate` and `croft diff` of a working tree: ignores ".git" and
/// what .gitignore names if it is in a repository. Content is read when asked for; ids are cached
/// for the life of the object.
Result<std::shared_ptr<const FileTree>> open_working_tree(const std::string& directory);

/// The tree of a revision ("HEAD~1", "main", a commit id) of the repository that `directory` is in,
/// at that directory.
Result<std::shared_ptr<const FileTree>> open_revision(const std::string& directory,
                                                      const std::string& revision);

/// A tree from memory, for tests: path → content.
std::shared_ptr<const FileTree> make_memory_tree(
    std::vector<std::pair<std::string, std::string>> files);

/// A blob of which the size is known, and perhaps the content.
struct ListedBlob {
  std::uint64_t size = 0;
  std::optional<std::string> content;
};

/// A tree from a listing that somebody else made (files and submodules with their paths and ids; no
/// directories) and what is known of some of its blobs, by id. Directory ids are computed as Git
/// does. Reading what is not known is NotFound. Invalid for paths that Git would not take, paths
/// listed twice, and contents whose id is another.
Result<std::shared_ptr<const FileTree>> make_listed_tree(std::vector<TreeFile> files,
                                                         std::map<std::string, ListedBlob> blobs);

}  // namespace croft
