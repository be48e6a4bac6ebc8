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
  std::string_view postgres_script = {};  ///< after the script, on PostgreSQL only
};

/// All of them, lowest first.
std::span<const Migration> migrations();

/// True if the database has a table of that name.
Result<bool> has_table(Session& session, std::string_view name);

/// The version of a database that was migrated once.
Result<std::int64_t> schema_version(Session& session);
/// The version of any database; 0 for one that holds no store.
Result<std::int64_t> find_schema_version(Session& session);

/// Conflict if the database is newer than the last of `steps`.
Result<void> check_not_newer(std::int64_t version, std::span<const Migration> steps);

/// Brings a database to the last of `steps`: each step in a transaction of its own together with
/// its number, so that a crash or an error leaves a whole version behind. Of several who migrate at
/// once one does each step, and the others wait for it. Conflict if the database is newer than the
/// last step.
Result<void> migrate(Session& session, std::span<const Migration> steps);

}  // namespace croft::sql
