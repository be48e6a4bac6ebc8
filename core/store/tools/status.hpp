#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/units.hpp"
#include "core/store/tools/place.hpp"

namespace croft::store_tools {

struct StoreStatus {
  std::string engine;             ///< "SQLite 3.40.1", "PostgreSQL 15.14"
  std::string where;              ///< without a password
  std::int64_t schema = 0;        ///< the store's version
  std::int64_t known_schema = 0;  ///< this binary's
  Bytes size;                     ///< on the disk, indexes and logs included
  std::vector<std::pair<std::string, std::int64_t>> rows;  ///< by table
  std::string writer;                 ///< who writes, or wrote last; empty: nobody
  std::optional<Duration> last_seen;  ///< PostgreSQL: the writer's last sign of life
  bool takes_writes = true;           ///< false: a standby, or a server that is read-only

  /// True if this binary's daemon could work with it as it is.
  bool is_usable() const { return schema <= known_schema && takes_writes; }
};

/// Looks at a store, whoever uses it. NotFound if there is none, Unavailable if it cannot be
/// reached.
Result<StoreStatus> read_status(const Place& place);

}  // namespace croft::store_tools
