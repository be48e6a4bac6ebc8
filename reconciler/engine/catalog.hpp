#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/units.hpp"
#include "core/manifest/problem.hpp"
#include "core/resource/resource.hpp"
#include "plans/admission/walls.hpp"
#include "providers/port/provider.hpp"
#include "reconciler/engine.hpp"
#include "reconciler/terms.hpp"

namespace croft {

/// The key of the platform's own source, and of the one source of solo mode.
inline constexpr std::string_view kPlatformSource = "platform";
/// The one tenant of solo mode.
inline constexpr std::string_view kSoloTenant = "home";
/// The provider that serves Sites when the operator declares none of that adapter.
inline constexpr std::string_view kSiteProvider = "site";
/// The provider that runs Instances in solo mode when none is declared.
inline constexpr std::string_view kLocalProvider = "local";

/// A repository that is watched for a tenant's resources.
struct SourceDeclaration {
  std::string key;     ///< "alice/alice"; kPlatformSource
  std::string tenant;  ///< empty for the platform
  std::string url;
  std::string ref = "main";
  std::string path = ".";
  Duration interval{60'000};
  std::string credentials;                  ///< name of a secret, or empty
  std::optional<GithubAppDeclaration> app;  ///< instead of that
  std::optional<VerifyDeclaration> verify;
  std::optional<ReceiverDeclaration> receiver;
  std::optional<CommitStatusDeclaration> commit_status;

  bool operator==(const SourceDeclaration&) const = default;
};

struct TenantDeclaration {
  std::string name;
  std::string plan;
  bool is_suspended = false;
  std::vector<std::string> hosts;              ///< domains that the operator allows for this tenant
  std::vector<std::string> contacts;           ///< whom its Webhooks may write to
  std::vector<std::string> sources;            ///< keys
  std::vector<std::string> allowed_providers;  ///< of its plan; empty: all
  bool allow_egress = false;
  /// What its containers may do beyond the walls; nothing: everything (solo mode).
  std::optional<plans::Loosening> loosening;
};

struct ProviderDeclaration {
  std::string name;
  std::string adapter;
  bool is_default = false;
  std::vector<std::string> tenants;
  std::shared_ptr<const Value> spec;
  /// Of the Secret that its credentials name, so that another value makes it anew; empty: a file's.
  std::string credential;
};

/// What the operator declares, in the form that passes use. A value.
struct Catalog {
  std::map<std::string, TenantDeclaration> tenants;
  std::map<std::string, SourceDeclaration> sources;  ///< by key, the platform's own left out
  std::map<std::string, ProviderDeclaration> providers;
  std::map<std::string, AdapterScript> adapters;  ///< the operator's own scripts, by name
  PlatformTerms terms;                            ///< its problems are among `problems`
  std::vector<Problem> problems;  ///< any: the platform stays at its last good revision
};

/// The catalog that operator kinds of the platform repository declare, with the scripts that they
/// name. Pure.
Catalog make_catalog(const std::vector<Resource>& platform, const Scripts& scripts);

/// The catalog of solo mode: the tenant `home` fed by that source, and the Providers that it
/// declares. Pure.
Catalog make_solo_catalog(const std::vector<Resource>& resources, const Scripts& scripts,
                          const SourceDeclaration& source);

}  // namespace croft
