#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/git/tree.hpp"
#include "core/manifest/cache.hpp"
#include "core/manifest/diagnostic.hpp"
#include "core/manifest/document.hpp"
#include "core/resource/resource.hpp"

namespace croft::manifest {

// Which files are manifests:
//
// - Every `*.yaml` and `*.yml` file of the tree is looked at, at any depth, hidden directories
//   included. A document with `apiVersion: croft/v1` is a resource, wherever it lies. Nothing that
//   carries a Croft apiVersion is ever skipped: one that is mistyped, of another version, or in a
//   file that cannot be read is an error.
// - A file without such a document is not Croft's and is left alone: a site's data files, a chart,
//   a CI configuration, Kubernetes manifests. It may be large, binary, or no YAML at all.
// - A document that names one of our kinds but has no apiVersion is taken for a mistake and is an
//   error, unless it lies below a directory that some resource's `files.path` names (other than the
//   root): there it is content.
// - In a file with at least one Croft document, every other document must say its apiVersion.
// - Each Stack is followed by what its compose file stands for (compose/expand.hpp). Directories
//   that images are built from are content.
// - Symbolic links are not followed; a link that is named like a YAML file is a warning outside of
//   content.

/// What to load, and as what.
struct LoadRequest {
  std::string source;  ///< key of the source, for Origin: "alice/main"
  std::string tenant;  ///< whose resources they are; "" for the platform repository
  SourceScope scope = SourceScope::Tenant;
  std::string directory;  ///< where the tree's root lies in its repository, for file names; "" if
                          ///< it is the root
  /// The source is all that the tenant has, so that refs that name nothing are errors at once. If
  /// it has several sources, load each with false and call check_references() over all.
  bool is_whole_set = true;
};

struct LoadStatistics {
  std::size_t files = 0;               ///< YAML files seen
  std::size_t files_parsed = 0;        ///< of them, read now rather than remembered
  std::size_t directories_listed = 0;  ///< likewise
  std::size_t documents = 0;
};

struct LoadedSet {
  std::vector<Resource> resources;  ///< sorted by file and document, then the parts of Stacks;
                                    ///< empty if there was an error
  Diagnostics diagnostics;
  LoadStatistics statistics;
  /// The texts of the files that Secrets name, by their path in the tree.
  std::map<std::string, std::string> secret_files;

  bool is_usable() const { return !diagnostics.has_errors(); }
};

/// The resources that a tree declares, checked against their kinds and each other. Fails only if
/// the tree cannot be read; what is wrong in manifests is in the set's diagnostics, all of it.
/// Blocks; memory is bounded by what the limits allow.
Result<LoadedSet> load(const FileTree& tree, const LoadRequest& request, DocumentCache& cache);

}  // namespace croft::manifest
