#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/value.hpp"
#include "core/manifest/diagnostic.hpp"
#include "core/manifest/source_text.hpp"
#include "core/manifest/spec_pool.hpp"
#include "core/resource/kind.hpp"

namespace croft::manifest {

/// What a source may declare.
enum class SourceScope {
  Platform,  ///< operator kinds: the platform repository
  Tenant,    ///< tenant kinds: a tenant's repository
  Solo,      ///< tenant kinds and Provider: the one repository of solo mode
};

/// One resource as a file declares it: no positions, nothing of the source, so that it can be kept
/// and shared cheaply.
struct ParsedDocument {
  Kind kind = Kind::Site;
  std::uint32_t document = 0;
  std::int32_t line = 0;
  std::string name;
  std::shared_ptr<const Value> spec;
  std::shared_ptr<const Value> labels;
  std::shared_ptr<const Value> annotations;
};

/// What a file is read as.
struct DocumentRules {
  SourceScope scope = SourceScope::Tenant;
  std::string tenant;       ///< whose; "" in the platform repository
  bool is_content = false;  ///< below a directory that `files.path` names: a missing apiVersion is
                            ///< nobody's mistake
};

struct ParsedFile {
  std::vector<ParsedDocument> documents;
  std::uint32_t document_count = 0;  ///< YAML documents in the file, Croft's or not
};

/// Reads all documents of one file and reports what is wrong with them, in the order of lines.
/// Documents of others (an apiVersion that is not Croft's) are left alone.
ParsedFile read_documents(const std::string& file, std::string_view text,
                          const DocumentRules& rules, SpecPool& pool, Diagnostics& diagnostics);

}  // namespace croft::manifest
