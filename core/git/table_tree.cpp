#include "core/git/table_tree.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include <fmt/format.h>

#include "core/git/libgit2.hpp"

namespace croft::git {

namespace {

std::string_view mode_text(FileMode mode) {
  switch (mode) {
    case FileMode::Regular:
      return "100644";
    case FileMode::Executable:
      return "100755";
    case FileMode::Link:
      return "120000";
    case FileMode::Directory:
      return "40000";
    case FileMode::Submodule:
      return "160000";
  }
  return "100644";
}

class TableTree final : public FileTree {
 public:
  TableTree(std::shared_ptr<const TreeTable> table, std::string root)
      : table_(std::move(table)), root_(std::move(root)) {}

  std::string id() const override {
    const TreeTable::Directory* directory = table_->find(root_);
    return directory != nullptr ? directory->id : std::string();
  }

  Result<std::vector<TreeEntry>> list(std::string_view directory) const override {
    TRY(check_tree_path(directory));
    const TreeTable::Directory* found = table_->find(join_path(root_, directory));
    if (found == nullptr) {
      return fail(ErrorCode::NotFound, fmt::format("there is no directory '{}'", directory));
    }
    return found->entries;
  }

  Result<TreeEntry> entry(std::string_view path) const override {
    TRY(check_tree_path(path));
    if (path.empty()) return TreeEntry{"", FileMode::Directory, id()};
    const std::size_t slash = path.rfind('/');
    const std::string_view parent = slash == path.npos ? std::string_view() : path.substr(0, slash);
    const std::string_view name = slash == path.npos ? path : path.substr(slash + 1);
    if (const auto* directory = table_->find(join_path(root_, parent))) {
      const auto found = std::ranges::lower_bound(directory->entries, name, {}, &TreeEntry::name);
      if (found != directory->entries.end() && found->name == name) return *found;
    }
    return fail(ErrorCode::NotFound, fmt::format("there is no '{}'", path));
  }

  Result<std::string> read(const std::string& blob_id, std::size_t limit) const override {
    return table_->read(blob_id, limit);
  }
  Result<std::uint64_t> blob_size(const std::string& blob_id) const override {
    return table_->blob_size(blob_id);
  }

  Result<std::shared_ptr<const FileTree>> subtree(std::string_view path) const override {
    TRY(check_tree_path(path));
    std::string root = join_path(root_, path);
    if (table_->find(root) == nullptr) {
      return fail(ErrorCode::NotFound, fmt::format("there is no directory '{}'", path));
    }
    return std::make_shared<TableTree>(table_, std::move(root));
  }

 private:
  std::shared_ptr<const TreeTable> table_;
  std::string root_;
};

}  // namespace

/// A directory while it is being put together.
struct TreeTable::Folder {
  std::map<std::string, TreeEntry> files;
  std::map<std::string, Folder> folders;
};

void TreeTable::set_files(const std::vector<TreeFile>& files) {
  Folder root;
  for (const TreeFile& file : files) {
    Folder* folder = &root;
    std::string_view rest = file.path;
    for (std::size_t slash = rest.find('/'); slash != rest.npos; slash = rest.find('/')) {
      folder = &folder->folders[std::string(rest.substr(0, slash))];
      rest.remove_prefix(slash + 1);
    }
    std::string name(rest);
    folder->files.insert_or_assign(name, TreeEntry{name, file.mode, file.id});
  }
  add_folder(root, "");
}

std::string TreeTable::add_folder(const Folder& folder, const std::string& path) {
  std::vector<TreeEntry> entries;
  for (const auto& [name, entry] : folder.files) entries.push_back(entry);
  for (const auto& [name, inner] : folder.folders) {
    entries.push_back({name, FileMode::Directory, add_folder(inner, join_path(path, name))});
  }
  return add_directory(path, std::move(entries));
}

const std::string& TreeTable::add_directory(std::string path, std::vector<TreeEntry> entries) {
  std::ranges::sort(entries, {}, &TreeEntry::name);
  Directory directory{hash_directory(entries), std::move(entries)};
  return directories_.insert_or_assign(std::move(path), std::move(directory)).first->second.id;
}

const TreeTable::Directory* TreeTable::find(const std::string& path) const {
  const auto found = directories_.find(path);
  return found == directories_.end() ? nullptr : &found->second;
}

std::shared_ptr<const FileTree> make_table_tree(std::shared_ptr<const TreeTable> table) {
  return std::make_shared<TableTree>(std::move(table), "");
}

std::string hash_directory(std::vector<TreeEntry> entries) {
  // Git sorts a directory as if its name ended in "/".
  const auto key = [](const TreeEntry& entry) {
    return entry.mode == FileMode::Directory ? entry.name + "/" : entry.name;
  };
  std::ranges::sort(entries, {}, key);
  std::string content;
  for (const TreeEntry& entry : entries) {
    git_oid id{};
    git_oid_fromstr(&id, entry.id.c_str());
    content += fmt::format("{} {}", mode_text(entry.mode), entry.name);
    content.push_back('\0');
    content.append(id.id, id.id + GIT_OID_RAWSZ);
  }
  return hash_object(GIT_OBJECT_TREE, content);
}

std::string join_path(std::string_view directory, std::string_view name) {
  if (directory.empty()) return std::string(name);
  if (name.empty()) return std::string(directory);
  return fmt::format("{}/{}", directory, name);
}

Result<void> check_tree_path(std::string_view path) {
  if (path.empty()) return {};
  std::size_t begin = 0;
  for (;;) {
    const std::size_t slash = path.find('/', begin);
    const std::string_view segment =
        path.substr(begin, slash == path.npos ? path.npos : slash - begin);
    if (segment.empty() || segment == "." || segment == "..") {
      return fail(ErrorCode::Invalid, fmt::format("'{}' is no path inside a tree", path));
    }
    if (slash == path.npos) return {};
    begin = slash + 1;
  }
}

}  // namespace croft::git
