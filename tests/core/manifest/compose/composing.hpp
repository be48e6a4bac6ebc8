#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/core/manifest/loading.hpp"

namespace croft::manifest {

using Files = std::vector<std::pair<std::string, std::string>>;

/// Loads files of tenant alice, among them compose.yaml of the Stack "shop"; `more` are further
/// lines of the Stack's spec, two spaces in.
inline LoadedSet load_stack(Files files, const std::string& more = "") {
  files.emplace_back("hosting.yaml",
                     "apiVersion: croft/v1\nkind: Stack\nmetadata: {name: shop}\nspec:\n"
                     "  file: compose.yaml\n" +
                         more);
  return load_files(std::move(files));
}

/// The Stack of one compose file.
inline LoadedSet load_compose(const std::string& text, const std::string& more = "") {
  return load_stack({{"compose.yaml", text}}, more);
}

/// The checked spec of a part ("Service/shop.web"); null if it is not there.
inline Value spec_of_part(const LoadedSet& set, const std::string& ref) {
  for (const Resource& resource : set.resources) {
    if (local_name(resource.ref) == ref) return *resource.spec;
  }
  return {};
}

/// The spec of service "web" in a compose file that has "services: {web: ...}" only: `body` is what
/// stands below "web", four spaces in.
inline Value web(const std::string& body, const std::string& more = "") {
  const LoadedSet set = load_compose("services:\n  web:\n" + body, more);
  const Value spec = spec_of_part(set, "Service/shop.web");
  return spec.is_null() ? Value("no service: " + complaints(set)) : spec;
}

/// What is complained of in such a service.
inline std::string web_complaints(const std::string& body) {
  return complaints(load_compose("services:\n  web:\n" + body));
}

}  // namespace croft::manifest
