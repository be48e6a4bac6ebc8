#include "core/git/tree.hpp"

#include <fmt/format.h>

#include "core/git/table_tree.hpp"

namespace croft {

namespace {

Result<void> collect(const FileTree& tree, const std::string& directory, std::size_t limit,
                     std::vector<TreeFile>& files) {
  TRY_ASSIGN(std::vector<TreeEntry> entries, tree.list(directory));
  for (TreeEntry& entry : entries) {
    std::string path = git::join_path(directory, entry.name);
    if (entry.mode == FileMode::Directory) {
      TRY(collect(tree, path, limit, files));
      continue;
    }
    if (files.size() == limit) {
      return fail(ErrorCode::Invalid, fmt::format("there are more than {} files", limit));
    }
    files.push_back({std::move(path), entry.mode, std::move(entry.id)});
  }
  return {};
}

/// Walks two trees side by side and descends only where they differ.
class TreeComparison {
 public:
  TreeComparison(const FileTree& before, const FileTree& after, std::size_t limit)
      : before_(before), after_(after), limit_(limit) {}

  Result<void> compare(const std::string& path) {
    TRY_ASSIGN(const std::vector<TreeEntry> old_entries, before_.list(path));
    TRY_ASSIGN(const std::vector<TreeEntry> new_entries, after_.list(path));
    auto was = old_entries.begin();
    auto is = new_entries.begin();
    while (was != old_entries.end() || is != new_entries.end()) {
      const bool is_gone =
          is == new_entries.end() || (was != old_entries.end() && was->name < is->name);
      const bool is_new =
          was == old_entries.end() || (is != new_entries.end() && is->name < was->name);
      const TreeEntry* before = is_new ? nullptr : &*was++;
      const TreeEntry* after = is_gone ? nullptr : &*is++;
      TRY(compare_entries(git::join_path(path, before != nullptr ? before->name : after->name),
                          before, after));
    }
    return {};
  }

  std::vector<TreeChange> take() { return std::move(changes_); }

 private:
  Result<void> compare_entries(const std::string& path, const TreeEntry* before,
                               const TreeEntry* after) {
    if (before != nullptr && after != nullptr) {
      if (before->id == after->id && before->mode == after->mode) return {};
      const bool both_files =
          before->mode != FileMode::Directory && after->mode != FileMode::Directory;
      if (both_files) return add({path, file_of(path, *before), file_of(path, *after)});
      if (before->mode == after->mode) return compare(path);
    }
    TRY(add_all(before_, path, before, &TreeChange::before));
    return add_all(after_, path, after, &TreeChange::after);
  }

  /// Every file at and below an entry that the other tree does not have.
  Result<void> add_all(const FileTree& tree, const std::string& path, const TreeEntry* entry,
                       std::optional<TreeFile> TreeChange::* side) {
    if (entry == nullptr) return {};
    std::vector<TreeFile> files;
    if (entry->mode == FileMode::Directory) {
      TRY(collect(tree, path, limit_, files));
    } else {
      files.push_back(file_of(path, *entry));
    }
    for (TreeFile& file : files) {
      TreeChange change{file.path, {}, {}};
      change.*side = std::move(file);
      TRY(add(std::move(change)));
    }
    return {};
  }

  Result<void> add(TreeChange change) {
    if (changes_.size() == limit_) {
      return fail(ErrorCode::Invalid, fmt::format("more than {} files differ", limit_));
    }
    changes_.push_back(std::move(change));
    return {};
  }

  static TreeFile file_of(const std::string& path, const TreeEntry& entry) {
    return {path, entry.mode, entry.id};
  }

  const FileTree& before_;
  const FileTree& after_;
  const std::size_t limit_;
  std::vector<TreeChange> changes_;
};

}  // namespace

Result<std::vector<TreeChange>> diff_trees(const FileTree& before, const FileTree& after,
                                           std::size_t limit) {
  if (before.id() == after.id()) return std::vector<TreeChange>();
  TreeComparison comparison(before, after, limit);
  TRY(comparison.compare(""));
  return comparison.take();
}

Result<std::vector<TreeFile>> list_recursively(const FileTree& tree, std::size_t limit) {
  std::vector<TreeFile> files;
  TRY(collect(tree, "", limit, files));
  return files;
}

}  // namespace croft
