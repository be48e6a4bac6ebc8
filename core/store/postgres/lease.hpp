#pragma once

#include <cstdint>
#include <string>

#include "core/base/result.hpp"
#include "core/base/units.hpp"
#include "core/store/sql/session.hpp"

namespace croft::postgres {

/// Who may write. The table `writer` has one row: its holder, an epoch that rises with each change
/// of hands, and the number of the last batch. Every batch begins by writing its number there,
/// which fails in the wrong epoch: what a former writer has still under way comes too late,
/// wherever it was held up, and after a cut connection the number tells whether a batch was
/// committed.
struct Lease {
  std::string holder;
  std::int64_t epoch = 0;
  std::string description;  ///< of the process: of two that say to be one holder, one is it
};

/// The version of the schema that brought it.
inline constexpr std::int64_t kLeaseSince = 2;

/// Takes the row for `holder`, whoever had it, if that one gave no sign of life for `lease` or is
/// the same; Unavailable naming who writes otherwise. `description` tells people who we are.
Result<Lease> take_lease(sql::Session& session, const std::string& holder,
                         const std::string& description, Duration lease);

/// In a transaction: nobody else takes it before its end. Conflict if somebody has taken it.
Result<void> hold_lease(sql::Session& session, const Lease& lease);

/// Lets others have it at once.
Result<void> release_lease(sql::Session& session, const Lease& lease);

/// "host db1, pid 4711, run k3f9a2": what others are told of who writes; another one at each call.
std::string describe_this_process();

}  // namespace croft::postgres
