#pragma once

#include <cstdint>

#include "core/store/tools/place.hpp"

namespace croft::store_tools {

struct MigrationReport {
  std::int64_t from = 0;
  std::int64_t to = 0;
};

/// The schema version that a store has, and the one that a migration would bring it to. Conflict if
/// it is newer than this binary.
Result<MigrationReport> plan_migration(const Place& place);

/// Brings a store's schema up to date, with everybody else kept out; one that is up to date is left
/// alone. Conflict or Unavailable if somebody uses it.
Result<MigrationReport> migrate_store(const Place& place);

}  // namespace croft::store_tools
