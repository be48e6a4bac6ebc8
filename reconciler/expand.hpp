#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/manifest/problem.hpp"
#include "core/manifest/spec_pool.hpp"
#include "core/resource/resource.hpp"
#include "providers/port/provider.hpp"
#include "reconciler/secrets.hpp"
#include "reconciler/world.hpp"

namespace croft {

/// What a provider offers to expansion: its normalize() and who may use it.
struct ProviderOffer {
  std::string name;
  std::string adapter;
  const Provider* provider = nullptr;  ///< borrowed; null offline: specs are taken as declared
  bool is_default = false;
  std::vector<std::string> tenants;  ///< who may use it; empty: everybody
  /// What it can run. Offline, with neither workloads nor sites, it is taken to run everything.
  Capabilities capabilities;
};

/// One tenant's declarations, ready to be placed.
struct ExpandInput {
  std::string tenant;
  std::vector<Resource> resources;
  std::map<std::string, std::string> revisions;  ///< source key → commit
  /// (source key, path) → tree id of `files.path`; what is missing there is an error.
  std::map<std::pair<std::string, std::string>, std::string> trees;
  std::vector<ProviderOffer>
      providers;  ///< none at all (offline, no platform given): nothing is placed
  std::vector<std::string> allowed_providers;  ///< of the plan; empty: all
  /// Where the inventory has what names no provider: it stays there while that provider may still
  /// be used, so that a new default does not move everything.
  std::map<Ref, std::string> placed;
  /// What `{secret: NAME}` may mean. Borrowed; null: nothing is known of Secrets.
  const SecretTable* secrets = nullptr;
  /// Solo: what a Webhook names may be one of the operator's, too.
  bool may_use_operator_secrets = false;
  /// False: specs of `before` that name secrets are made anew.
  bool are_secrets_as_before = true;
  /// What an earlier expansion of this tenant gave, with the same providers: what is declared by
  /// the same spec (the same object) and placed as it was is taken over and not normalised again.
  /// Borrowed; may be null.
  const std::map<Ref, Desired>* before = nullptr;
  /// Where equal specs share one copy. Borrowed; may be null.
  manifest::SpecPool* pool = nullptr;
};

struct Expansion {
  std::map<Ref, Desired> desired;
  /// The same resources with the same specs as ExpandInput::before.
  bool is_as_before = false;
  /// Any: nothing of this tenant is applied. By ref. Messages name only what the tenant may know
  /// of: providers that it may use.
  std::vector<Problem> problems;
};

/// Places every tenant resource on a provider that may be used and has the capability: its own
/// choice, else where it is already, else the default one (of several the first by name), else the
/// only one there is. Adds `files.tree`, fills `provider` in, and lets the provider normalise the
/// rest of the spec. Operator kinds pass through. Pure.
///
/// What normalize() refuses becomes a Problem at "spec", or at the field that its error names as
/// innermost context: `fail(Error(ErrorCode::Invalid, "...").while_doing("spec.volumes"))`.
Expansion expand(const ExpandInput& input);

/// A host that a tenant's resource wants to be reached at.
struct HostClaim {
  std::string host;  ///< lower case
  Ref ref;
  std::string path;  ///< of the field that claims it: "spec.domains[0]"; empty for its own host
  bool is_below_domain = false;  ///< a name that a Stack exposes: TENANT-NAME.DOMAIN, too
  std::int64_t port = 0;         ///< its own port that is meant; 0: it has one only
};
/// Own hosts (`TENANT-NAME.DOMAIN`) and custom ones of Instances with `http`, of Sites and of the
/// Services that a Stack exposes, by ref.
std::vector<HostClaim> claims_of(const std::map<Ref, Desired>& desired, const std::string& domain);

/// The claims of a whole platform by host, so that a tenant's are checked against those that matter
/// at a cost of its own, however many others there are.
class ClaimIndex {
 public:
  /// These are the tenant's claims now.
  void replace(const std::string& tenant, const std::vector<HostClaim>& claims);
  /// What other tenants claim of the wanted hosts.
  std::vector<HostClaim> of_others(const std::string& tenant,
                                   const std::vector<HostClaim>& wanted) const;

 private:
  std::unordered_map<std::string, std::vector<HostClaim>> by_host_;
  std::unordered_map<std::string, std::vector<std::string>> hosts_;  ///< by tenant
};

/// What is wrong with the claims of one tenant, as problems:
///   - a host that another resource claims. `taken` are the claims of other tenants, and of this
///   one's frozen sources;
///     another tenant's resource is not named. Own hosts always win over custom ones; else the
///     first by ref does.
///   - a custom host that none of `allowed` covers: each is a domain that stands for itself and
///   everything below it
///   - a custom host below `domain` (may be empty), where only own hosts live
///   - an own host whose label is longer than DNS allows
std::vector<Problem> check_claims(const std::vector<HostClaim>& taken,
                                  const std::vector<HostClaim>& wanted,
                                  const std::vector<std::string>& allowed,
                                  std::string_view domain = {});

}  // namespace croft
