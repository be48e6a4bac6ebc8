#include "providers/docker/tree_with_file.hpp"

#include <algorithm>

#include "core/base/id.hpp"

namespace croft::docker {

namespace {

class TreeWithFile final : public FileTree {
 public:
  TreeWithFile(std::shared_ptr<const FileTree> tree, std::string name, std::string content)
      : tree_(std::move(tree)), name_(std::move(name)), content_(std::move(content)) {
    entry_ = {.name = name_, .mode = FileMode::Regular, .id = sha256_hex(content_).substr(0, 40)};
    id_ = sha256_hex(tree_->id() + " " + name_ + " " + entry_.id).substr(0, 40);
  }

  std::string id() const override { return id_; }

  Result<std::vector<TreeEntry>> list(std::string_view directory) const override {
    TRY_ASSIGN(std::vector<TreeEntry> entries, tree_->list(directory));
    if (!directory.empty()) return entries;
    std::erase_if(entries, [this](const TreeEntry& entry) { return entry.name == name_; });
    entries.insert(std::ranges::lower_bound(entries, name_, {}, &TreeEntry::name), entry_);
    return entries;
  }

  Result<TreeEntry> entry(std::string_view path) const override {
    if (path == name_) return entry_;
    return tree_->entry(path);
  }

  Result<std::string> read(const std::string& blob_id, std::size_t limit) const override {
    if (blob_id == entry_.id) return content_;
    return tree_->read(blob_id, limit);
  }

  Result<std::uint64_t> blob_size(const std::string& blob_id) const override {
    if (blob_id == entry_.id) return content_.size();
    return tree_->blob_size(blob_id);
  }

  Result<std::shared_ptr<const FileTree>> subtree(std::string_view path) const override {
    return tree_->subtree(path);
  }

 private:
  std::shared_ptr<const FileTree> tree_;
  std::string name_;
  std::string content_;
  TreeEntry entry_;
  std::string id_;
};

}  // namespace

std::shared_ptr<const FileTree> tree_with_file(std::shared_ptr<const FileTree> tree,
                                               std::string name, std::string content) {
  return std::make_shared<TreeWithFile>(std::move(tree), std::move(name), std::move(content));
}

}  // namespace croft::docker
