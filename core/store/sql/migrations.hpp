#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/base/result.hpp"
#include "core/store/sql/session.hpp"

namespace croft::sql {

/// One step of the schema. A released one is never edited: what is wrong in it is mended by the
/// next.
struct Migration {
  std::int64_t version = 0;  ///< 1, 2, 3, ... without a gap
  std::string_view name;
  std::string_view script;
};

/// All of them, lowest first.
std::span<const Migration> migrations();

/// Brings a database to the last of `steps`: each step in a transaction of its own together with
/// its number, so that a crash or an error leaves a whole version behind. Conflict if the database
/// is newer than the last step.
Result<void> migrate(Session& session, std::span<const Migration> steps);

}  // namespace croft::sql
