#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/id.hpp"
#include "core/git/tree.hpp"

namespace croft {

/// A FileTree from memory that counts what is asked of it, so that a test can say what was *not*
/// read. Ids depend on content alone, as Git's do, but are not Git's. Contents that begin with "->
/// " are symbolic links, those that begin with "=> " are submodules, which have none.
class CountingTree final : public FileTree {
 public:
  explicit CountingTree(std::vector<std::pair<std::string, std::string>> files) {
    for (auto& [path, content] : files) put(path, std::move(content));
    id_ = seal("");
  }

  std::string id() const override { return id_; }

  Result<std::vector<TreeEntry>> list(std::string_view directory) const override {
    ++lists;
    const auto found = directories_.find(std::string(directory));
    if (found == directories_.end())
      return fail(ErrorCode::NotFound, "no directory " + std::string(directory));
    return found->second;
  }

  Result<TreeEntry> entry(std::string_view path) const override {
    if (path.empty()) return TreeEntry{"", FileMode::Directory, id_};
    const std::size_t slash = path.rfind('/');
    const std::string parent(slash == std::string_view::npos ? "" : path.substr(0, slash));
    const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
    const auto found = directories_.find(parent);
    if (found != directories_.end()) {
      for (const TreeEntry& one : found->second) {
        if (one.name == name) return one;
      }
    }
    return fail(ErrorCode::NotFound, "no file " + std::string(path));
  }

  Result<std::string> read(const std::string& blob_id, std::size_t limit) const override {
    ++reads;
    const auto found = blobs_.find(blob_id);
    if (found == blobs_.end()) return fail(ErrorCode::NotFound, "no blob " + blob_id);
    if (found->second.size() > limit) return fail(ErrorCode::Invalid, "larger than the limit");
    return found->second;
  }

  Result<std::uint64_t> blob_size(const std::string& blob_id) const override {
    return blobs_.at(blob_id).size();
  }

  Result<std::shared_ptr<const FileTree>> subtree(std::string_view) const override {
    return fail(ErrorCode::NotFound, "this tree gives no subtrees");
  }

  mutable int lists = 0;
  mutable int reads = 0;

 private:
  static std::string id_of(std::string_view content) { return sha256_hex(content).substr(0, 40); }

  void put(const std::string& path, std::string content) {
    const std::size_t slash = path.rfind('/');
    const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
    make_directory(parent);
    const std::string id = id_of(content);
    const FileMode mode = content.starts_with("-> ")   ? FileMode::Link
                          : content.starts_with("=> ") ? FileMode::Submodule
                                                       : FileMode::Regular;
    directories_[parent].push_back(
        {slash == std::string::npos ? path : path.substr(slash + 1), mode, id});
    if (mode != FileMode::Submodule) blobs_[id] = std::move(content);
  }

  void make_directory(const std::string& path) {
    if (directories_.contains(path)) return;
    directories_[path] = {};
    if (path.empty()) return;
    const std::size_t slash = path.rfind('/');
    const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
    make_directory(parent);
    directories_[parent].push_back(
        {slash == std::string::npos ? path : path.substr(slash + 1), FileMode::Directory, ""});
  }

  // Gives directories their ids, from the leaves up, and sorts their entries.
  std::string seal(const std::string& path) {
    std::string all;
    auto& entries = directories_[path];
    std::ranges::sort(entries, {}, &TreeEntry::name);
    for (TreeEntry& entry : entries) {
      if (entry.mode == FileMode::Directory)
        entry.id = seal(path.empty() ? entry.name : path + "/" + entry.name);
      all += entry.name + " " + entry.id + "\n";
    }
    return id_of("tree " + all);
  }

  std::string id_;
  std::map<std::string, std::vector<TreeEntry>> directories_{{"", {}}};
  std::map<std::string, std::string> blobs_;
};

}  // namespace croft
