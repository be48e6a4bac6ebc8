#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/base/sha256.hpp"
#include "core/store/sql/tables.hpp"

namespace croft::store_tools {

/// How much there is of a table, and a hash of all of it: equal on all engines for equal content.
struct TableSum {
  std::string table;
  std::int64_t rows = 0;
  std::string sha256;

  bool operator==(const TableSum&) const = default;
};

/// A row of all columns of its table.
struct TableRow {
  const sql::Table& table;
  std::vector<sql::Cell> cells;
};
using RowTaker = std::function<Result<void>(const TableRow&)>;

/// A row as a line of JSON: {"tenants":{"created_at":1700000000000,...}}. What backups consist of
/// and hashes are made over.
std::string line_of(const TableRow& row);
/// Invalid if the line is no row of a table that this binary knows.
Result<TableRow> parse_line(std::string_view line);

/// Adds rows up to sums, of all tables, in the order of sql::tables().
class Sums {
 public:
  void add(const TableRow& row) { add(row.table, line_of(row)); }
  void add(const sql::Table& table, std::string_view line);
  std::vector<TableSum> all() const;

 private:
  struct Sum {
    std::int64_t rows = 0;
    Sha256 hash;
  };
  std::map<std::string, Sum> sums_;
};

/// What is wrong with a store.
struct Problem {
  std::string table;  ///< empty: the file or database itself
  std::string key;    ///< of the row, or empty
  std::string what;
};
using ProblemTaker = std::function<void(Problem)>;

/// Hands over all rows, table by table in the order of their keys. The first that cannot be taken
/// is an error that names it.
Result<void> read_rows(sql::Session& session, const RowTaker& taker);

/// Reads everything as the port does, and adds it up; problems are handed over.
Result<std::vector<TableSum>> examine_rows(sql::Session& session, const ProblemTaker& taker);

/// Writes rows, many at once. In a transaction of the caller's, to empty tables.
class RowWriter {
 public:
  explicit RowWriter(sql::Session& session) : session_(session) {}
  Result<void> add(const TableRow& row);
  /// What waits, too.
  Result<void> finish();

 private:
  Result<void> write(std::string_view statement, const std::vector<sql::Cell>& cells);

  sql::Session& session_;
  const sql::Table* table_ = nullptr;
  std::vector<sql::Cell> waiting_;  ///< rows of that table, one after the other
};

/// "tenants u7: unknown word 'Paused'".
std::string to_string(const Problem& problem);

}  // namespace croft::store_tools
