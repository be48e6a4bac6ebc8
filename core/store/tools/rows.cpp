#include "core/store/tools/rows.hpp"

#include <fmt/format.h>

#include "core/base/value.hpp"
#include "core/store/sql/migrations.hpp"
#include "core/store/sql/statements.hpp"

namespace croft::store_tools {

namespace {

using sql::Cell;
using sql::Column;

Value value_of(const Cell& cell) {
  if (const auto* number = std::get_if<std::int64_t>(&cell)) return {*number};
  if (const auto* text = std::get_if<std::string>(&cell)) return {*text};
  return {};
}

Result<Cell> cell_from(const Column& column, const Value* value) {
  if (value != nullptr) {
    if (column.is_integer && value->is_integer()) return Cell(value->as_integer());
    if (!column.is_integer && value->is_text()) return Cell(value->as_text());
    if (column.may_be_null && value->is_null()) return Cell();
  }
  return fail(ErrorCode::Invalid, fmt::format("'{}' is missing or not of its type", column.name));
}

Error not_a_row(std::string_view why) {
  return {ErrorCode::Invalid, fmt::format("a line is no row: {}", why)};
}

/// What is wrong with a row, if anything is; its line otherwise.
Result<std::string> examine_row(const sql::Table& table, const sql::Row& row) {
  TRY_ASSIGN(std::vector<Cell> cells, sql::cells_of(table, row));
  if (table.decode != nullptr) {
    TRY(table.decode(row));
  }
  return line_of({table, std::move(cells)});
}

/// The tables that a store of its schema version has.
Result<std::vector<const sql::Table*>> tables_of(sql::Session& session) {
  TRY_ASSIGN(const std::int64_t version, sql::find_schema_version(session));
  std::vector<const sql::Table*> there;
  for (const sql::Table& table : sql::tables()) {
    if (table.since <= version) there.push_back(&table);
  }
  return there;
}

Result<void> examine_counters(sql::Session& session, const ProblemTaker& taker) {
  const auto read = [&taker](const sql::Row& row) -> Result<void> {
    const std::string name(row.text(0));
    if (row.is_null(2)) {
      taker({"counters", name, "it is missing"});
    } else if (row.integer(2) < row.integer(1)) {
      taker({"counters", name,
             fmt::format("it is at {}, but {} was given already", row.integer(2), row.integer(1))});
    }
    return {};
  };
  return session.query(sql::kCounters, {}, read);
}

}  // namespace

std::string line_of(const TableRow& row) {
  Value columns = Value::map();
  for (std::size_t i = 0; i < row.cells.size(); ++i)
    columns.set(row.table.columns[i].name, value_of(row.cells[i]));
  return to_json(Value::map({{row.table.name, std::move(columns)}}));
}

Result<TableRow> parse_line(std::string_view line) {
  TRY_ASSIGN(const Value value, parse_json(line));
  if (!value.is_map() || value.size() != 1) return fail(not_a_row("it does not name one table"));
  const Value::Entry& entry = value.as_map().front();
  const sql::Table* table = sql::find_table(entry.key);
  if (table == nullptr) return fail(not_a_row(fmt::format("there is no table '{}'", entry.key)));
  if (!entry.value.is_map() || entry.value.size() != table->columns.size())
    return fail(not_a_row(fmt::format("{} has other columns", table->name)));
  TableRow row{*table, {}};
  for (const Column& column : table->columns) {
    Result<Cell> cell = cell_from(column, entry.value.find(column.name));
    if (!cell) return fail(not_a_row(fmt::format("{}: {}", table->name, cell.error().message())));
    row.cells.push_back(std::move(*cell));
  }
  return row;
}

void Sums::add(const sql::Table& table, std::string_view line) {
  Sum& sum = sums_[table.name];
  ++sum.rows;
  sum.hash.add(line);
  sum.hash.add("\n");
}

std::vector<TableSum> Sums::all() const {
  std::vector<TableSum> all;
  for (const sql::Table& table : sql::tables()) {
    const auto found = sums_.find(table.name);
    all.push_back(found == sums_.end()
                      ? TableSum{table.name, 0, Sha256().hex()}
                      : TableSum{table.name, found->second.rows, found->second.hash.hex()});
  }
  return all;
}

Result<void> read_rows(sql::Session& session, const RowTaker& taker) {
  TRY_ASSIGN(const auto tables, tables_of(session));
  for (const sql::Table* one : tables) {
    const sql::Table& table = *one;
    Result<void> taken;  // what goes wrong there is none of the reading's
    const auto read = [&](const sql::Row& row) -> Result<void> {
      Result<std::vector<Cell>> cells = sql::cells_of(table, row);
      if (cells) return taken = taker({table, std::move(*cells)});
      return fail(Error(ErrorCode::Internal,
                        to_string(Problem{table.name, key_of(table, row), cells.error().message()}))
                      .with_hint("`croft store check` lists all that is wrong"));
    };
    Result<void> done = session.query(table.select, {}, read);
    if (!taken) return taken;
    TRY(while_doing(std::move(done), "reading the table " + table.name));
  }
  return {};
}

Result<std::vector<TableSum>> examine_rows(sql::Session& session, const ProblemTaker& taker) {
  Sums sums;
  TRY_ASSIGN(const auto tables, tables_of(session));
  for (const sql::Table* one : tables) {
    const sql::Table& table = *one;
    const auto read = [&](const sql::Row& row) -> Result<void> {
      const Result<std::string> line = examine_row(table, row);
      if (line) {
        sums.add(table, *line);
      } else {
        taker({table.name, sql::key_of(table, row), line.error().message()});
      }
      return {};
    };
    const Result<void> done = session.query(table.select, {}, read);
    if (done) continue;
    // A part of a damaged file; the other tables may be whole.
    if (done.error().code() != ErrorCode::Internal) return fail(done.error());
    taker({table.name, {}, done.error().message()});
  }
  const Result<void> done = examine_counters(session, taker);
  if (!done) taker({"counters", {}, done.error().message()});
  return sums.all();
}

Result<void> RowWriter::add(const TableRow& row) {
  if (table_ != &row.table) {
    TRY(finish());
    table_ = &row.table;
  }
  waiting_.insert(waiting_.end(), row.cells.begin(), row.cells.end());
  if (waiting_.size() < sql::kRowsAtOnce * table_->columns.size()) return {};
  TRY(write(table_->insert_many, waiting_));
  waiting_.clear();
  return {};
}

Result<void> RowWriter::finish() {
  if (table_ == nullptr) return {};
  const auto width = static_cast<std::ptrdiff_t>(table_->columns.size());
  for (auto row = waiting_.begin(); row != waiting_.end(); row += width) {
    TRY(write(table_->insert, std::vector<Cell>(row, row + width)));
  }
  waiting_.clear();
  return {};
}

Result<void> RowWriter::write(std::string_view statement, const std::vector<Cell>& cells) {
  return while_doing(session_.execute(statement, cells), "writing the table " + table_->name);
}

std::string to_string(const Problem& problem) {
  std::string place = problem.table;
  if (!problem.key.empty()) place += (place.empty() ? "" : " ") + problem.key;
  return place.empty() ? problem.what : place + ": " + problem.what;
}

}  // namespace croft::store_tools
