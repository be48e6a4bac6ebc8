#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/result.hpp"

namespace croft::sql {

/// One value that crosses over to a database: NULL, integer or text.
using Cell = std::variant<std::monostate, std::int64_t, std::string>;

/// One statement, ready to be run: parameters are `$1`, `$2`, ... in the order of their first use,
/// which SQLite and PostgreSQL both understand. The text lives for ever (statements.hpp).
struct Statement {
  std::string_view text;
  std::vector<Cell> cells;
  bool is_binary = false;  ///< text cells are values in PostgreSQL's binary form (postgres/bulk)
};

/// One row of an answer; columns count from 0. Valid during the callback that gets it.
class Row {
 public:
  virtual ~Row() = default;
  virtual bool is_null(int column) const = 0;
  virtual std::int64_t integer(int column) const = 0;
  virtual std::string_view text(int column) const = 0;
};

/// Called for each row; an error ends the query with it.
using RowSink = std::function<Result<void>(const Row&)>;

/// Whose SQL it is, where the two differ.
enum class Dialect { Sqlite, Postgres };

/// A connection of some engine as migrations and tools see it. Blocks; used by one thread at a
/// time. Errors as core/store/store.hpp says; a violated constraint is a Conflict.
class Session {
 public:
  virtual ~Session() = default;
  virtual Dialect dialect() const = 0;
  virtual Result<void> execute(std::string_view text, const std::vector<Cell>& cells) = 0;
  virtual Result<void> query(std::string_view text, const std::vector<Cell>& cells,
                             const RowSink& sink) = 0;
  /// Several statements without parameters, separated by semicolons.
  virtual Result<void> run_script(std::string_view text) = 0;
};

}  // namespace croft::sql
