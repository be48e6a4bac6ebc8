#include "gateway/api/upload.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "core/base/base64.hpp"
#include "core/net/http.hpp"
#include "gateway/api/form_reader.hpp"

namespace croft {

namespace {

constexpr std::array<std::pair<FileMode, std::string_view>, 4> kModes{{
    {FileMode::Regular, "100644"},
    {FileMode::Executable, "100755"},
    {FileMode::Link, "120000"},
    {FileMode::Submodule, "160000"},
}};

std::string_view mode_name(FileMode mode) {
  for (const auto& [known, name] : kModes) {
    if (known == mode) return name;
  }
  return "100644";
}

std::optional<FileMode> mode_from(std::string_view text) {
  for (const auto& [mode, name] : kModes) {
    if (name == text) return mode;
  }
  return std::nullopt;
}

bool is_manifest(const TreeFile& file) {
  const bool is_file = file.mode == FileMode::Regular || file.mode == FileMode::Executable;
  return is_file && (file.path.ends_with(".yaml") || file.path.ends_with(".yml"));
}

Result<Value> blob_form(const FileTree& tree, const std::string& id, const UploadLimits& limits,
                        std::size_t& total) {
  TRY_ASSIGN(const std::uint64_t size, tree.blob_size(id));
  Value form = Value::map({{"id", id}, {"size", static_cast<std::int64_t>(size)}});
  if (size > limits.content) return form;
  total += size;
  if (total > limits.total) {
    return fail(Error(ErrorCode::Invalid,
                      "its YAML files are larger than " +
                          format_bytes({static_cast<std::int64_t>(limits.total)}) + " together")
                    .with_hint("give the directory that holds the manifests"));
  }
  TRY_ASSIGN(std::string content, tree.read(id, limits.content));
  if (is_utf8(content)) {
    form.set("text", std::move(content));
  } else {
    form.set("base64", to_base64(content));
  }
  return form;
}

/// A file of the listing; its size counts against quotas.
struct ListedFile {
  TreeFile file;
  std::uint64_t size = 0;
};

Result<ListedFile> file_from_form(const Value& form) {
  FormReader reader(form, "a file");
  ListedFile listed;
  listed.file.path = reader.text("path");
  listed.file.mode = reader.name_of("mode", mode_from);
  listed.file.id = reader.text("id");
  const std::int64_t size = reader.integer_or("size", 0);
  if (size < 0) reader.refuse("size", "is negative");
  listed.size = static_cast<std::uint64_t>(size);
  return reader.finish(std::move(listed));
}

Result<Value> to_listing(const FileTree& tree, const TreeFile& file) {
  Value form = Value::map({{"path", file.path}, {"mode", mode_name(file.mode)}, {"id", file.id}});
  if (file.mode == FileMode::Submodule) return form;
  TRY_ASSIGN(const std::uint64_t size, tree.blob_size(file.id));
  form.set("size", static_cast<std::int64_t>(size));
  return form;
}

Result<std::pair<std::string, ListedBlob>> blob_from_form(const Value& form) {
  FormReader reader(form, "a blob");
  std::pair<std::string, ListedBlob> blob;
  blob.first = reader.text("id");
  const std::int64_t size = reader.integer_or("size", 0);
  if (size < 0) reader.refuse("size", "is negative");
  blob.second.size = static_cast<std::uint64_t>(size);
  blob.second.content = reader.optional_text("text");
  if (const std::optional<std::string> encoded = reader.optional_text("base64")) {
    blob.second.content = from_base64(*encoded);
    if (!blob.second.content) reader.refuse("base64", "is no base64");
  }
  return reader.finish(std::move(blob));
}

Result<void> check_file(const TreeFile& file, const UploadLimits& limits) {
  const auto depth = static_cast<std::size_t>(std::ranges::count(file.path, '/'));
  if (file.path.size() <= limits.path && depth < limits.depth) return {};
  return fail(ErrorCode::Invalid,
              "a path is too long or too deep: '" + file.path.substr(0, 80) + "...'");
}

}  // namespace

Result<Value> to_upload(const FileTree& tree, const UploadLimits& limits,
                        const std::set<std::string>& also) {
  TRY_ASSIGN(const std::vector<TreeFile> files, list_recursively(tree, limits.files));
  Value::List listing;
  Value::List blobs;
  std::set<std::string> sent;
  std::size_t total = 0;
  listing.reserve(files.size());
  for (const TreeFile& file : files) {
    TRY(check_file(file, limits));
    TRY_ASSIGN(Value listed, to_listing(tree, file));
    listing.push_back(std::move(listed));
    const bool is_sent = is_manifest(file) || also.contains(file.path);
    if (!is_sent || !sent.insert(file.id).second) continue;
    Result<Value> blob =
        while_doing(blob_form(tree, file.id, limits, total), "reading " + file.path);
    if (!blob) return blob;
    blobs.push_back(std::move(*blob));
  }
  return Value::map({{"files", std::move(listing)}, {"blobs", std::move(blobs)}});
}

Result<std::shared_ptr<const FileTree>> tree_from_upload(const Value& upload,
                                                         const UploadLimits& limits) {
  FormReader reader(upload, "an uploaded tree");
  if (const Value* files = reader.find("files"); files != nullptr && files->size() > limits.files) {
    return fail(ErrorCode::Invalid,
                "there are more than " + std::to_string(limits.files) + " files");
  }
  auto entries = reader.list("files", file_from_form);
  auto listed = reader.list("blobs", blob_from_form);
  TRY_ASSIGN(entries, reader.finish(std::move(entries)));
  std::map<std::string, ListedBlob> blobs;
  std::vector<TreeFile> files;
  files.reserve(entries.size());
  for (ListedFile& entry : entries) {
    blobs.try_emplace(entry.file.id, ListedBlob{.size = entry.size});
    files.push_back(std::move(entry.file));
  }
  std::size_t total = 0;
  for (auto& [id, blob] : listed) {
    const std::size_t size = blob.content ? blob.content->size() : 0;
    total += size;
    if (size > limits.content || total > limits.total) {
      return fail(ErrorCode::Invalid, "too much content in an uploaded tree");
    }
    blobs.insert_or_assign(std::move(id), std::move(blob));
  }
  for (const TreeFile& file : files) {
    TRY(check_file(file, limits));
  }
  return make_listed_tree(std::move(files), std::move(blobs));
}

}  // namespace croft
