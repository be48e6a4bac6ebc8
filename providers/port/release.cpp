#include "providers/port/release.hpp"

#include <algorithm>

#include "core/base/id.hpp"
#include "core/base/value.hpp"

namespace croft {

namespace {

// Git's object names: SHA-1, or SHA-256 in repositories of that format.
bool is_object_id(std::string_view text) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return (text.size() == 40 || text.size() == 64) && std::ranges::all_of(text, is_hex);
}

bool is_served_path(std::string_view path) {
  if (path.empty() || path.find('\0') != std::string_view::npos) return false;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view segment = path.substr(begin, end - begin);
    if (segment.empty() || segment == "." || segment == "..") return false;
    begin = end + 1;
  }
  return true;
}

Result<ReleaseFile> read_file_entry(const Value::Entry& entry) {
  const Value* id = entry.value.find("id");
  const Value* size = entry.value.find("size");
  if (!is_served_path(entry.key) || id == nullptr || !id->is_text() ||
      !is_object_id(id->as_text()) || size == nullptr || !size->is_integer() ||
      size->as_integer() < 0) {
    return fail(ErrorCode::Invalid,
                "the release's file '" + entry.key + "' is not described rightly");
  }
  return ReleaseFile{id->as_text(), static_cast<std::uint64_t>(size->as_integer())};
}

}  // namespace

std::filesystem::path release_index_path(const std::filesystem::path& store,
                                         const std::string& id) {
  return store / "releases" / (id + ".json");
}

std::filesystem::path release_blob_path(const std::filesystem::path& store,
                                        const std::string& blob_id) {
  return store / "blobs" / blob_id.substr(0, 2) /
         blob_id.substr(std::min<std::size_t>(2, blob_id.size()));
}

std::string release_id(const std::string& tree_id, const std::string& index,
                       const std::string& not_found) {
  const Release usual;
  if (index == usual.index && not_found == usual.not_found) return tree_id;
  return sha256_hex(tree_id + '\0' + index + '\0' + not_found);
}

std::string write_release(const Release& release) {
  Value files = Value::map();
  for (const auto& [path, file] : release.files) {
    files.set(path, Value::map({{"id", file.id}, {"size", static_cast<std::int64_t>(file.size)}}));
  }
  return to_json(Value::map({{"id", release.id},
                             {"index", release.index},
                             {"notFound", release.not_found},
                             {"files", std::move(files)}}));
}

Result<Release> read_release(std::string_view json) {
  TRY_ASSIGN(const Value document, parse_json(json));
  Release release;
  release.id = document.text_or("id", "");
  release.index = document.text_or("index", release.index);
  release.not_found = document.text_or("notFound", release.not_found);
  const Value* files = document.find("files");
  if (!is_object_id(release.id) || files == nullptr || !files->is_map()) {
    return fail(ErrorCode::Invalid, "this is not the index of a release");
  }
  for (const Value::Entry& entry : files->as_map()) {
    TRY_ASSIGN(ReleaseFile file, read_file_entry(entry));
    release.files.emplace_hint(release.files.end(), entry.key, std::move(file));
  }
  return release;
}

}  // namespace croft
