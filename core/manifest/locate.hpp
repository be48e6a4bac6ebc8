#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/git/tree.hpp"
#include "core/manifest/diagnostic.hpp"
#include "core/resource/resource.hpp"
#include "core/yaml/tree.hpp"

namespace croft::manifest {

/// Where a field stands.
struct Location {
  int line = 0;    ///< from 1; 0 if the document is not there
  int column = 0;  ///< from 1, in bytes
  int span = 1;    ///< bytes to underline
};

/// Where `path` ("spec.http.hosts[0]", "metadata.name", "spec") stands in the document of that
/// index. If it is not written there (a default), the nearest thing above it that is. Reads the
/// text again: positions are not kept.
Location locate(std::string_view text, std::uint32_t document, std::string_view path);

/// Makes Diagnostics for checks that come after loading (hosts, quotas, references). Keeps the file
/// it read last.
class Locator {
 public:
  /// `tree` is the one that was loaded, and outlives this; `directory` as in LoadRequest.
  explicit Locator(const FileTree& tree, std::string directory = {})
      : tree_(tree), directory_(std::move(directory)) {}

  Diagnostic diagnose(const Resource& resource, std::string_view path, std::string message,
                      std::string hint = {});

 private:
  Diagnostic diagnose_at(const FieldPlaces::Place& place, std::string message, std::string hint);
  void open(const std::string& file);

  const FileTree& tree_;
  std::string directory_;
  std::string file_;
  std::string text_;
  yaml::Tree yaml_;
};

}  // namespace croft::manifest
