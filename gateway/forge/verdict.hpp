#pragma once

#include <vector>

#include "gateway/forge/statuses.hpp"

namespace croft {

/// How the newest revision of a source fares: its own status first, then, if it wants them, those
/// of its resources. While a revision waits and a newer one was refused, one status of each. Empty
/// while nothing can be said of a revision. `resources` are those of its
/// tenant; `waiting` is why a changeset of the tenant waits for a person, or empty.
///
/// Success is only said of the revision that is followed, once a pass over it has ended and
/// everything that it declares is applied from it and ready. Pure.
std::vector<CommitReport> reports_of(const SourceStatus& source,
                                     const std::vector<ResourceStatus>& resources,
                                     const std::string& waiting);

/// Whether a state is worth a post after one that was posted for the same revision. A success
/// stands; what failed may only turn into a success: later trouble of what runs is no news of the
/// commit, and no flapping ever runs into a forge's limits.
bool is_worth_posting(std::optional<CommitState> posted, CommitState state);

}  // namespace croft
