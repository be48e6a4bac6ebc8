#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/git/tree.hpp"
#include "core/manifest/load.hpp"
#include "core/manifest/problem.hpp"
#include "core/resource/resource.hpp"
#include "providers/port/provider.hpp"
#include "reconciler/admission.hpp"
#include "reconciler/terms.hpp"

namespace croft {

using manifest::DocumentCache;
using manifest::SourceScope;

/// What one commit of a source declares: all of it right, or there is none.
struct SourceLoad {
  std::string commit;
  std::string message;  ///< of the commit
  std::shared_ptr<const std::vector<Resource>> resources;
  std::map<std::string, std::string> trees;  ///< `files.path` → tree id, for the paths that exist
  /// `adapters/NAME/adapter.lua` by NAME; never in a tenant's source.
  std::map<std::string, AdapterScript> adapters;
  std::map<std::string, std::string> secret_files;  ///< texts that Secrets name, by path
  FilesSizes sizes;                                 ///< of the trees that Sites serve
  Scripts scripts;                                  ///< of a platform, or in solo mode
  std::shared_ptr<const FileTree> working_tree;     ///< what it was read from, if that is no commit
};

/// What the Sites among the resources serve weighs, by tree id. `known` are sizes of before: their
/// directories are not looked into again, and what is found is added. Blocks.
Result<FilesSizes> measure_sites(const FileTree& tree, const std::vector<Resource>& resources,
                                 FilesSizes& known);

/// Reads a source's tree. Blocking. Invalid with all diagnostics rendered, as `croft validate`
/// prints them.
Result<SourceLoad> load_source(const FileTree& tree, const manifest::LoadRequest& request,
                               DocumentCache& cache, FilesSizes& known_sizes);

/// What is wrong between resources: the same ref twice, `dependsOn` that names nothing, circles.
/// Give it all that a tenant declares.
std::vector<Problem> check_set(const std::vector<Resource>& resources);

/// Problems found after loading, rendered like diagnostics; with their source lines if the tree is
/// there. Blocking.
std::string render_problems(const FileTree* tree, const std::vector<Resource>& resources,
                            const std::vector<Problem>& problems);

/// Fills in `place` of those problems that are about one of these resources, which were loaded from
/// that directory of the tree. Blocking.
void place_problems(const FileTree& tree, const std::string& directory,
                    const std::vector<Resource>& resources, std::vector<Problem>& problems);

}  // namespace croft
