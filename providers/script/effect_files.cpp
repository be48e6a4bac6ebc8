#include "providers/script/effect_files.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace croft::script {

namespace {

Result<Value> read_one(const FileTree& tree, const TreeFile& file, std::uint64_t left) {
  TRY_ASSIGN(std::string content, tree.read(file.id, left));
  if (file.mode == FileMode::Link)
    return Value::map({{"path", file.path}, {"link", std::move(content)}});
  const auto size = static_cast<std::int64_t>(content.size());
  return Value::map({{"path", file.path},
                     {"size", Value(size)},
                     {"executable", file.mode == FileMode::Executable},
                     {"content", std::move(content)}});
}

}  // namespace

Result<Value> read_effect_files(const FileTree& tree) {
  TRY_ASSIGN(std::vector<TreeFile> files, list_recursively(tree, kMostFiles));
  std::ranges::sort(files, {}, &TreeFile::path);
  std::uint64_t left = kMostFileBytes;
  Value list = Value::list();
  for (const TreeFile& file : files) {
    if (file.mode == FileMode::Submodule) continue;  // what it names is not in the repository
    TRY_ASSIGN(const std::uint64_t size, tree.blob_size(file.id));
    if (size > left) {
      return fail(Error(ErrorCode::Invalid,
                        fmt::format("its files hold more than {} bytes", kMostFileBytes))
                      .with_hint("put them into an image"));
    }
    TRY_ASSIGN(Value one, read_one(tree, file, left));
    left -= size;
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace croft::script
