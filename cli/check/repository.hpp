#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/git/tree.hpp"
#include "core/manifest/load.hpp"
#include "reconciler/expand.hpp"
#include "reconciler/terms.hpp"

namespace croft::cli {

/// A directory (or a revision of it) that is checked as one source.
struct RepositoryRequest {
  std::string directory = ".";
  std::string revision;                        ///< empty: the working tree
  std::optional<manifest::SourceScope> scope;  ///< unset: told by the kinds it declares
  std::string tenant;                          ///< whose it is; empty: some tenant's
  bool is_whole_set = true;                    ///< as in manifest::LoadRequest
};

/// What was found there.
struct Repository {
  std::shared_ptr<const FileTree> tree;
  manifest::SourceScope scope = manifest::SourceScope::Tenant;
  std::string tenant;  ///< "" of the platform's
  std::string source;  ///< key
  std::string directory;
  manifest::LoadedSet set;
  bool is_whole_set = true;  ///< there is no more of the tenant's elsewhere
};

/// Loads it. Fails only if it cannot be read; what is wrong in manifests is in the set.
Result<Repository> load_repository(const RepositoryRequest& request);

/// Which kind of repository a tree is: with tenants, plans or sources it is the platform's; with
/// providers beside tenant kinds a solo one; else a tenant's.
Result<manifest::SourceScope> detect_scope(const FileTree& tree);
std::string_view to_string(manifest::SourceScope scope);

/// What a tenant's repository is expanded with; empty: nothing is placed, and every custom host is
/// taken as allowed.
struct PlatformView {
  std::vector<ProviderOffer> providers;
  std::vector<std::string> allowed_providers;
  std::optional<std::vector<std::string>> allowed_hosts;
  std::map<Ref, std::string> placed;
};

/// Expands what was loaded. What is wrong beyond single manifests (directories that are not there,
/// hosts claimed twice, providers that may not be used) is added to the repository's diagnostics,
/// at the line that says so.
std::map<Ref, Desired> expand_repository(Repository& repository, const PlatformView& platform);

/// The plans and the policy of a platform's repository; what is wrong with their scripts is added
/// to its diagnostics. expand_repository() asks for it, too.
PlatformTerms terms_of_repository(Repository& repository);

}  // namespace croft::cli
