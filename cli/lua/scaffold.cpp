#include "cli/lua/scaffold.hpp"

#include <algorithm>
#include <map>
#include <span>

#include <fmt/format.h>

#include "core/base/embedded.hpp"
#include "core/base/files.hpp"
#include "core/resource/ref.hpp"
#include "plans/admission/policy.hpp"

namespace croft {
std::span<const EmbeddedText> embedded_script_templates();  // made by croft_embed()
std::span<const EmbeddedText> embedded_lua_stubs();
}  // namespace croft

namespace croft::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kEditorSettings = R"({
  "runtime.version": "LuaJIT",
  "workspace.library": [".meta"]
}
)";

/// A template with the name put in wherever it says NAME.
std::string filled(std::string_view stem, const std::string& name) {
  const auto templates = embedded_script_templates();
  const auto found = std::ranges::find(templates, stem, &EmbeddedText::name);
  std::string text(found->text);
  constexpr std::string_view kPlaceholder = "NAME";
  for (auto at = text.find(kPlaceholder); at != std::string::npos;
       at = text.find(kPlaceholder, at + name.size()))
    text.replace(at, kPlaceholder.size(), name);
  return text;
}

std::map<std::string, std::string> files_of(std::string_view kind, const std::string& name) {
  const std::string prefix(kind);
  const bool is_provider = kind == "provider";
  const std::string script = is_provider        ? "adapter.lua"
                             : kind == "policy" ? std::string(plans::kPolicyFile)
                                                : name + ".lua";
  std::map<std::string, std::string> files;
  files["README.md"] = filled(prefix + "_readme", name);
  files[script] = filled(prefix + (is_provider ? "_adapter" : "_rule"), name);
  files["tests/" + name + ".lua"] = filled(prefix + "_tests", name);
  files[".luarc.json"] = kEditorSettings;
  for (const EmbeddedText& stub : embedded_lua_stubs())
    files[fmt::format(".meta/{}.lua", stub.name)] = stub.text;
  return files;
}

}  // namespace

Result<std::vector<std::string>> write_scaffold(const fs::path& directory, std::string_view kind,
                                                const std::string& name) {
  if (!is_resource_name(name)) {
    return fail(Error(ErrorCode::Invalid, fmt::format("'{}' is no name for a {}", name, kind))
                    .with_hint("small letters, digits and single dashes, like my-cloud"));
  }
  const fs::path folder = directory / name;
  std::error_code ignored;
  if (fs::symlink_status(folder, ignored).type() != fs::file_type::not_found) {
    return fail(Error(ErrorCode::Conflict, fmt::format("{} is there already", folder.string()))
                    .with_hint("nothing was written; take another name, or move it away"));
  }
  std::vector<std::string> written;
  for (const auto& [file, text] : files_of(kind, name)) {
    TRY(make_directory((folder / file).parent_path(), 0755));
    TRY(write_file_atomic(folder / file, text, 0644));
    written.push_back(file);
  }
  return written;
}

}  // namespace croft::cli
