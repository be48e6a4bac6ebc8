#include <map>

#include <fmt/format.h>

#include "core/git/libgit2.hpp"
#include "core/git/table_tree.hpp"
#include "core/git/tree.hpp"

namespace croft {

namespace {

class MemoryTable final : public git::TreeTable {
 public:
  std::string add_blob(std::string content) {
    std::string id = git::hash_object(GIT_OBJECT_BLOB, content);
    blobs_.insert_or_assign(id, std::move(content));
    return id;
  }

  Result<std::string> read(const std::string& blob_id, std::size_t limit) const override {
    TRY_ASSIGN(const std::string* content, find_blob(blob_id));
    if (content->size() > limit) {
      return fail(ErrorCode::Invalid, fmt::format("it is larger than {} bytes", limit));
    }
    return *content;
  }
  Result<std::uint64_t> blob_size(const std::string& blob_id) const override {
    TRY_ASSIGN(const std::string* content, find_blob(blob_id));
    return content->size();
  }

 private:
  Result<const std::string*> find_blob(const std::string& id) const {
    const auto found = blobs_.find(id);
    if (found == blobs_.end()) return fail(ErrorCode::NotFound, "there is no blob " + id);
    return &found->second;
  }

  std::map<std::string, std::string> blobs_;
};

}  // namespace

std::shared_ptr<const FileTree> make_memory_tree(
    std::vector<std::pair<std::string, std::string>> files) {
  auto table = std::make_shared<MemoryTable>();
  std::vector<TreeFile> entries;
  for (auto& [path, content] : files) {
    entries.push_back({path, FileMode::Regular, table->add_blob(std::move(content))});
  }
  table->set_files(entries);
  return git::make_table_tree(std::move(table));
}

}  // namespace croft
