#pragma once

#include <optional>
#include <string>

#include "core/manifest/diagnostic.hpp"
#include "reconciler/changeset.hpp"
#include "reconciler/pricing.hpp"

namespace croft::cli {

/// A diff without a server: what is declared in a directory against nothing, or against a revision
/// of it.
struct OfflineRequest {
  std::string directory = ".";
  std::string platform;  ///< directory of the platform repository; empty: no plan and no providers
                         ///< are known
  std::string from;      ///< revision that is taken for what is there; empty: nothing is there
  std::string tenant;    ///< whose repository it is; empty: the only tenant of the platform
};

struct OfflineDiff {
  Changeset changeset;                ///< only if there was no error
  manifest::Diagnostics diagnostics;  ///< of the first repository that has errors
};

/// Fails for what is no mistake in a manifest: directories and revisions that cannot be read, an
/// unknown tenant.
Result<OfflineDiff> diff_offline(const OfflineRequest& request);

struct OfflinePrice {
  PriceList list;                     ///< only if there was no error
  manifest::Diagnostics diagnostics;  ///< of the first repository that has errors
};

/// What a directory would cost under the tenant's plan, or under all: always-on, but for what is
/// supposed. Needs `request.platform`; `from` is not looked at. Fails as diff_offline() does.
Result<OfflinePrice> price_offline(const OfflineRequest& request, const SupposedUsage& supposed,
                                   bool all_plans);

}  // namespace croft::cli
