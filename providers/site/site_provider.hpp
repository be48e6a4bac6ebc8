#pragma once
// Room providers/site: static sites. A Site becomes a release, an immutable set of files named by
// their content, which the gateway serves; switching between releases is one atomic write.
//
//   site_provider     the verbs
//   site_files        what of a Git tree is served: links resolved, limits checked; pure
//   release_store     releases and blobs on disk: published, kept, swept
//   site_states       which release each site shows, and which it showed before

#include <cstdint>
#include <filesystem>
#include <memory>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "providers/port/provider.hpp"

namespace croft {

struct SiteProviderSettings {
  std::size_t max_files = 20'000;               ///< of a release
  std::uint64_t max_file_bytes = 256ULL << 20;  ///< of one file
  std::uint64_t max_total_bytes = 4ULL << 30;   ///< of a release's files
  /// How long a release that no site names stays: the gateway may still serve it from the routes
  /// before.
  Duration sweep_after{60'000};
};

/// The provider over `directory`, which is also the gateway's release store
/// (providers/port/release.hpp). One at a time for a directory. The pool and the clock must outlive
/// it and what it started.
std::unique_ptr<Provider> make_site_provider(std::filesystem::path directory, BlockingPool& pool,
                                             const Clock& clock,
                                             SiteProviderSettings settings = {});

}  // namespace croft
