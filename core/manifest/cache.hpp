#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/manifest/document.hpp"
#include "core/manifest/spec_pool.hpp"

namespace croft::manifest {

/// What is remembered of one source's files, so that a load after a change reads only what changed:
/// documents by blob id, and which directories (by tree id) have YAML files below them. Only what
/// was free of complaints is kept, and no positions. One cache a source, one load at a time with
/// it; what a load does not meet is forgotten at its end.
class DocumentCache {
 public:
  /// Give the caches of all sources one pool, so that equal specs of different tenants are kept
  /// once.
  explicit DocumentCache(std::shared_ptr<SpecPool> pool = std::make_shared<SpecPool>())
      : pool_(std::move(pool)) {}

 private:
  friend class Loader;

  using ObjectId = std::array<std::uint8_t, 20>;
  struct IdHash {
    std::size_t operator()(const ObjectId& id) const;
  };
  struct File {
    std::vector<ParsedDocument> documents;
    std::uint32_t document_count = 0;
    std::uint32_t load = 0;  ///< the last load that met it
  };
  struct Directory {
    struct Child {
      std::string name;
      ObjectId id;
      bool is_directory = false;
    };
    std::vector<Child> children;     ///< YAML files, and directories that may have some below
    std::vector<std::string> links;  ///< symbolic links that are named like YAML files
    std::uint32_t load = 0;
  };

  /// Forgets everything if the rules changed; counts loads.
  void begin_load(const DocumentRules& rules);
  void end_load();

  std::shared_ptr<SpecPool> pool_;
  std::unordered_map<ObjectId, File, IdHash> files_;
  std::unordered_map<ObjectId, Directory, IdHash> directories_;
  DocumentRules rules_;
  std::uint32_t load_ = 0;
};

}  // namespace croft::manifest
