#pragma once

#include <string>
#include <vector>

#include "core/store/sql/session.hpp"

namespace croft::sql {

struct Column {
  std::string name;
  bool is_integer = false;  ///< BIGINT; otherwise TEXT
  bool may_be_null = false;
  bool is_key = false;  ///< part of the primary key
};

/// A table whose rows make up the content of a store, for tools that take rows as they are. Its
/// texts live as long as the program.
struct Table {
  std::string name;
  std::vector<Column> columns;  ///< in the order of the schema, and of the port's reads
  /// Reads a row of all columns as the port does; null for a table that the port does not read.
  Result<void> (*decode)(const Row& row) = nullptr;
  std::int64_t since = 1;  ///< the schema version that has it first; before, it has no rows

  std::string select;       ///< all columns of all rows, in the order of the key as bytes
  std::string count;        ///< how many rows there are
  std::string insert;       ///< one row
  std::string insert_many;  ///< kRowsAtOnce rows
};

inline constexpr std::size_t kRowsAtOnce = 50;

/// Every table but those that belong to one database only: its schema's version, who writes to it.
/// The one list of tables and columns; a test holds it against the real schema of both engines.
const std::vector<Table>& tables();
/// Null if there is none of that name.
const Table* find_table(std::string_view name);

/// The oldest schema version whose tables, as far as it has them, have these columns.
inline constexpr std::int64_t kTablesSince = 1;

/// The row's cells. Internal if one is not of its column's type, or is text that is not UTF-8: then
/// somebody edited the store by hand.
Result<std::vector<Cell>> cells_of(const Table& table, const Row& row);
/// For people: "alice/Site/blog/stop".
std::string key_of(const Table& table, const Row& row);

}  // namespace croft::sql
