#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "core/git/libgit2.hpp"
#include "core/git/table_tree.hpp"
#include "core/git/tree.hpp"

namespace croft {

namespace {

constexpr std::size_t kMaxDepth = 256;

class ListedTable final : public git::TreeTable {
 public:
  explicit ListedTable(std::map<std::string, ListedBlob> blobs) : blobs_(std::move(blobs)) {}

  Result<std::string> read(const std::string& blob_id, std::size_t limit) const override {
    TRY_ASSIGN(const ListedBlob* blob, find_blob(blob_id));
    if (blob->size > limit) {
      return fail(ErrorCode::Invalid, fmt::format("it is larger than {} bytes", limit));
    }
    if (!blob->content)
      return fail(ErrorCode::NotFound, "the content of " + blob_id + " is not here");
    return *blob->content;
  }
  Result<std::uint64_t> blob_size(const std::string& blob_id) const override {
    TRY_ASSIGN(const ListedBlob* blob, find_blob(blob_id));
    return blob->size;
  }

 private:
  Result<const ListedBlob*> find_blob(const std::string& id) const {
    const auto found = blobs_.find(id);
    if (found == blobs_.end()) return fail(ErrorCode::NotFound, "the blob " + id + " is not here");
    return &found->second;
  }

  std::map<std::string, ListedBlob> blobs_;
};

/// A directory while it is being put together.
struct Folder {
  std::map<std::string, TreeEntry> files;
  std::map<std::string, Folder> folders;
};

Result<void> check_file(const TreeFile& file) {
  TRY(git::check_tree_path(file.path));
  if (file.path.empty() || file.path.find('\0') != std::string::npos) {
    return fail(ErrorCode::Invalid, "a file needs a path");
  }
  if (file.mode == FileMode::Directory) {
    return fail(ErrorCode::Invalid, fmt::format("'{}' is a directory, not a file", file.path));
  }
  if (static_cast<std::size_t>(std::ranges::count(file.path, '/')) >= kMaxDepth) {
    return fail(ErrorCode::Invalid, fmt::format("'{}' is too deep", file.path));
  }
  TRY(git::parse_id(file.id));
  return {};
}

Result<void> add_file(Folder& root, TreeFile file) {
  TRY(check_file(file));
  Folder* folder = &root;
  std::string_view rest = file.path;
  for (std::size_t slash = rest.find('/'); slash != rest.npos; slash = rest.find('/')) {
    const std::string name(rest.substr(0, slash));
    if (name == ".git" || folder->files.contains(name)) {
      return fail(ErrorCode::Invalid,
                  fmt::format("'{}' is no path that Git would take", file.path));
    }
    folder = &folder->folders[name];
    rest.remove_prefix(slash + 1);
  }
  const std::string name(rest);
  if (name == ".git" || folder->folders.contains(name) || folder->files.contains(name)) {
    return fail(ErrorCode::Invalid, fmt::format("'{}' is listed twice", file.path));
  }
  folder->files.emplace(name, TreeEntry{name, file.mode, std::move(file.id)});
  return {};
}

std::string add_folder(ListedTable& table, const Folder& folder, const std::string& path) {
  std::vector<TreeEntry> entries;
  for (const auto& [name, entry] : folder.files) entries.push_back(entry);
  for (const auto& [name, inner] : folder.folders) {
    std::string id = add_folder(table, inner, git::join_path(path, name));
    entries.push_back({name, FileMode::Directory, std::move(id)});
  }
  return table.add_directory(path, std::move(entries));
}

Result<void> check_blob(const std::string& id, const ListedBlob& blob) {
  if (!blob.content) return {};
  if (blob.content->size() == blob.size && git::hash_object(GIT_OBJECT_BLOB, *blob.content) == id) {
    return {};
  }
  return fail(ErrorCode::Invalid, fmt::format("the content of {} is not its own", id));
}

}  // namespace

Result<std::shared_ptr<const FileTree>> make_listed_tree(std::vector<TreeFile> files,
                                                         std::map<std::string, ListedBlob> blobs) {
  for (const auto& [id, blob] : blobs) {
    TRY(check_blob(id, blob));
  }
  Folder root;
  for (TreeFile& file : files) {
    TRY(add_file(root, std::move(file)));
  }
  auto table = std::make_shared<ListedTable>(std::move(blobs));
  add_folder(*table, root, "");
  return git::make_table_tree(std::move(table));
}

}  // namespace croft
