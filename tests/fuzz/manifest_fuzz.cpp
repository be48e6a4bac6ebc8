#include "tests/fuzz/manifest_fuzz.hpp"

#include "core/manifest/load.hpp"
#include "core/manifest/locate.hpp"
#include "core/manifest/source_text.hpp"
#include "core/yaml/tree.hpp"
#include "tests/support/counting_tree.hpp"

namespace croft::manifest {

namespace {

bool is_all_unicode(const Value& value) {
  if (value.is_text())
    return is_utf8(value.as_text()) && value.as_text().find('\0') == std::string::npos;
  if (value.is_list()) {
    for (const Value& item : value.as_list()) {
      if (!is_all_unicode(item)) return false;
    }
  }
  if (value.is_map()) {
    for (const auto& [key, entry] : value.as_map()) {
      if (!is_utf8(key) || !is_all_unicode(entry)) return false;
    }
  }
  return true;
}

std::string check_diagnostics(const LoadedSet& set, std::string_view bytes) {
  if (set.diagnostics.list.size() > Diagnostics::kMost) return "more diagnostics than allowed";
  for (const Diagnostic& one : set.diagnostics.list) {
    if (one.message.empty()) return "a diagnostic without a message";
    if (one.source_column < 0 || one.span < 0) return "a caret outside of its line";
    if (static_cast<std::size_t>(one.source_column) > one.source_line.size() + 1)
      return "a caret past its line";
  }
  const std::string shown = render(set.diagnostics);
  for (const char c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n')
      return "a control character reaches the terminal";
  }
  if (shown.size() > 200'000)
    return "the diagnostics of " + std::to_string(bytes.size()) + " bytes are endless";
  return "";
}

std::string check_set(const LoadedSet& set, std::string_view bytes) {
  if (set.diagnostics.has_errors() && !set.resources.empty()) return "resources in spite of errors";
  for (const Resource& resource : set.resources) {
    if (!resource.spec->is_map()) return "a spec that is no map";
    if (!is_all_unicode(*resource.spec)) return "a spec that is no text";
    if (resource.origin.line < 1) return "a resource without a line";
    if (resource.ref.kind == Kind::Tenant ? !is_tenant_name(resource.ref.name)
                                          : !is_resource_name(resource.ref.name))
      return "a bad name";
    if (!parse_json(to_json(*resource.spec))) return "a spec that JSON cannot carry";
    const Location place = locate(bytes, resource.origin.document, "kind");
    if (place.line < 1) return "a resource whose kind is nowhere";
  }
  return check_diagnostics(set, bytes);
}

}  // namespace

std::string check_loading(std::string_view bytes) {
  const CountingTree tree({{"fuzz.yaml", std::string(bytes)}});
  for (const SourceScope scope : {SourceScope::Platform, SourceScope::Tenant, SourceScope::Solo}) {
    DocumentCache cache;
    LoadRequest request;
    request.source = "fuzz";
    request.tenant = scope == SourceScope::Platform ? "" : "alice";
    request.scope = scope;
    const auto first = load(tree, request, cache);
    if (!first) return "a load that fails: " + first.error().describe();
    if (std::string wrong = check_set(*first, bytes); !wrong.empty()) return wrong;
    const auto second = load(tree, request, cache);
    if (render(second->diagnostics) != render(first->diagnostics))
      return "a second load that sees other mistakes";
    if (second->resources.size() != first->resources.size())
      return "a second load that sees other resources";
  }
  // The parser on its own too: the loader skips what does not look like a manifest.
  if (!check_source_text(bytes)) yaml::read(bytes);
  return "";
}

}  // namespace croft::manifest
