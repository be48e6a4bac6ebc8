#include "tests/fuzz/compose_fuzz.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/git/tree.hpp"
#include "core/manifest/load.hpp"
#include "core/manifest/source_text.hpp"
#include "core/resource/completion.hpp"
#include "core/resource/kinds.hpp"

namespace croft::manifest {

namespace {

using Files = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kStack =
    "apiVersion: croft/v1\nkind: Stack\nmetadata: {name: fuzz}\nspec:\n  file: compose.yaml\n"
    "  profiles: [debug]\n  variables: {NAME: value, PORT: '80'}\n  expose: {web: 'web:80'}\n"
    "  volumes: {data: {size: 2GiB}}\n";

bool is_file_name(std::string_view name) {
  return !name.empty() && name.size() < 40 && name != "hosting.yaml" &&
         std::ranges::all_of(
             name, [](char c) { return (c >= 'a' && c <= 'z') || c == '.' || c == '/'; }) &&
         name.front() != '/' && name.back() != '/' && name.find("//") == std::string_view::npos &&
         name.find("..") == std::string_view::npos && name.find("./") == std::string_view::npos;
}

Files split_files(std::string_view bytes) {
  Files files;
  std::string name = "compose.yaml";
  std::string content;
  const auto put = [&] {
    const bool is_new = std::ranges::none_of(files, [&](const auto& file) {
      return file.first == name || file.first.starts_with(name + "/") ||
             name.starts_with(file.first + "/");
    });
    if (is_new && files.size() < 8) files.emplace_back(name, std::exchange(content, {}));
    content.clear();
  };
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size() - 1) + 1;
    std::string_view line = bytes.substr(0, end);
    bytes.remove_prefix(end);
    const bool is_mark = line.starts_with("=== ") && line.ends_with('\n');
    if (is_mark && is_file_name(line.substr(4, line.size() - 5))) {
      put();
      name = line.substr(4, line.size() - 5);
    } else {
      content += line;
    }
  }
  put();
  return files;
}

bool is_all_unicode(const Value& value) {
  if (value.is_text())
    return is_utf8(value.as_text()) && value.as_text().find('\0') == std::string::npos;
  if (value.is_list()) return std::ranges::all_of(value.as_list(), is_all_unicode);
  if (!value.is_map()) return true;
  return std::ranges::all_of(value.as_map(), [](const Value::Entry& entry) {
    return is_utf8(entry.key) && is_all_unicode(entry.value);
  });
}

std::string check_part(const Resource& resource) {
  if (!is_all_unicode(*resource.spec)) return "a spec that is no text";
  if (resource.origin.line < 1) return "a part without a line";
  if (!parse_ref(to_string(resource.ref))) return "a part that cannot be named";
  if (!is_derived(resource.ref.kind)) return "";
  std::vector<FieldProblem> problems;
  const Value again = completed(spec_of(resource.ref.kind), *resource.spec, problems);
  if (!problems.empty())
    return "a part that its kind does not allow: " + problems[0].path + " " + problems[0].message;
  if (again != *resource.spec) return "a part without its defaults";
  if (resource.places == nullptr || resource.places->find("spec") == nullptr)
    return "a part without places";
  return "";
}

std::string check_set(const LoadedSet& set) {
  if (set.diagnostics.list.size() > Diagnostics::kMost) return "more diagnostics than allowed";
  if (set.diagnostics.has_errors() && !set.resources.empty()) return "resources in spite of errors";
  for (const Resource& resource : set.resources) {
    if (std::string wrong = check_part(resource); !wrong.empty()) return wrong;
  }
  for (const Diagnostic& one : set.diagnostics.list) {
    if (one.message.empty()) return "a diagnostic without a message";
    if (one.message.size() > 4000) return "a message that is endless";
    if (static_cast<std::size_t>(one.source_column) > one.source_line.size() + 1)
      return "a caret past its line";
  }
  for (const char c : render(set.diagnostics)) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n')
      return "a control character reaches the terminal";
  }
  return "";
}

}  // namespace

std::string check_composing(std::string_view bytes) {
  Files files = split_files(bytes);
  files.emplace_back("hosting.yaml", kStack);
  const auto tree = make_memory_tree(std::move(files));
  LoadRequest request;
  request.source = "fuzz";
  request.tenant = "alice";
  DocumentCache cache;
  const auto first = load(*tree, request, cache);
  if (!first) return "a load that fails: " + first.error().describe();
  if (std::string wrong = check_set(*first); !wrong.empty()) return wrong;
  const auto second = load(*tree, request, cache);
  if (render(second->diagnostics) != render(first->diagnostics))
    return "a second load that sees other mistakes";
  if (second->resources.size() != first->resources.size())
    return "a second load that sees other resources";
  for (std::size_t i = 0; i < first->resources.size(); ++i) {
    if (first->resources[i].spec != second->resources[i].spec)
      return "a spec that is not shared with the load before";
  }
  return "";
}

}  // namespace croft::manifest
