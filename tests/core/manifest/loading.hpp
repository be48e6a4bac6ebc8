#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/manifest/load.hpp"
#include "tests/support/counting_tree.hpp"

namespace croft::manifest {

/// Loads a tree with a fresh cache.
inline LoadedSet load_tree(const FileTree& tree, const LoadRequest& request) {
  DocumentCache cache;
  // By the way of the heap: GCC 12 takes the end of a Result on the stack for a wrong delete.
  const auto loaded = std::make_unique<Result<LoadedSet>>(load(tree, request, cache));
  return std::move(loaded->value());
}

/// Loads files as all that tenant alice declares (or as the platform's repository) with a fresh
/// cache.
inline LoadedSet load_files(std::vector<std::pair<std::string, std::string>> files,
                            SourceScope scope = SourceScope::Tenant) {
  const CountingTree tree(std::move(files));
  const bool is_platform = scope == SourceScope::Platform;
  const LoadRequest request{.source = is_platform ? "platform" : "alice/main",
                            .tenant = is_platform ? "" : "alice",
                            .scope = scope};
  return load_tree(tree, request);
}

/// One file of that text.
inline LoadedSet load_text(std::string text, SourceScope scope = SourceScope::Tenant) {
  return load_files({{"hosting.yaml", std::move(text)}}, scope);
}

inline std::string complaints(const LoadedSet& set) { return render(set.diagnostics); }

inline std::vector<std::string> names_of(const LoadedSet& set) {
  std::vector<std::string> names;
  for (const Resource& resource : set.resources) names.push_back(to_string(resource.ref));
  return names;
}

}  // namespace croft::manifest
