#include "core/store/sql/tables.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/store/sql/columns.hpp"
#include "core/store/sql/reads.hpp"

namespace croft::sql {

namespace {

Column text(std::string name) { return {.name = std::move(name)}; }
Column optional_text(std::string name) { return {.name = std::move(name), .may_be_null = true}; }
Column integer(std::string name) { return {.name = std::move(name), .is_integer = true}; }
Column optional_integer(std::string name) {
  return {.name = std::move(name), .is_integer = true, .may_be_null = true};
}
Column key(Column column) {
  column.is_key = true;
  return column;
}

/// Reads a row by the decoder of one of the port's reads.
template <auto select>
Result<void> decode(const Row& row) {
  CellReader cells(row);
  (void)select().decode(cells);
  return cells.finish();
}

Select<EventRow> select_newest_events() { return select_events({}); }
Select<NotificationRow> select_newest_notifications() { return select_notifications({}); }
Select<DeliveryRow> select_some_deliveries() { return select_deliveries({}); }

std::vector<Table> list_tables() {
  return {
      {.name = "counters", .columns = {key(text("name")), integer("value")}},
      {.name = "tenants",
       .columns = {key(text("uid")), text("name"), integer("number"), integer("created_at"),
                   optional_integer("removed_at"), optional_integer("retained_until")},
       .decode = decode<select_tenants>},
      {.name = "sources",
       .columns = {key(text("source_key")), text("url"), text("ref"), text("path"),
                   text("attempted_revision"), text("applied_revision"), text("conditions"),
                   optional_integer("fetched_at")},
       .decode = decode<select_sources>},
      {.name = "resources",
       .columns = {key(text("uid")), text("tenant"), text("kind"), text("name"), text("source_key"),
                   text("provider"), text("state"), optional_text("applied"),
                   text("attempted_revision"), text("applied_revision"), text("phase"),
                   text("endpoint"), text("message"), text("conditions"), integer("created_at"),
                   optional_integer("observed_at"), optional_integer("retained_until")},
       .decode = decode<select_all_resources>},
      {.name = "intents",
       .columns = {key(text("id")), text("resource_uid"), text("tenant"), text("kind"),
                   text("name"), text("action"), text("provider"), text("spec_digest"),
                   text("revision"), text("state"), text("error"), integer("created_at")},
       .decode = decode<select_open_intents>},
      {.name = "directives",
       .columns = {key(text("tenant")), key(text("kind")), key(text("name")), key(text("verb")),
                   text("ordered_by"), text("why"), integer("created_at"),
                   optional_integer("expires_at")},
       .decode = decode<select_directives>},
      {.name = "events",
       .columns = {key(integer("sequence")), integer("happened_at"), text("tenant"),
                   text("subject"), text("severity"), text("reason"), text("message"),
                   text("revision")},
       .decode = decode<select_newest_events>},
      {.name = "usage_facts",
       .columns = {key(text("id")), text("tenant_uid"), text("resource_uid"), integer("replica"),
                   text("meter"), integer("from_time"), optional_integer("to_time"),
                   integer("heartbeat"), integer("quantity"), optional_text("dimensions")},
       .decode = decode<select_open_usage>},
      {.name = "tokens",
       .columns = {key(text("id")), text("name"), text("hash"), text("tenant"),
                   integer("created_at"), optional_integer("expires_at")},
       .decode = decode<select_tokens>},
      {.name = "acknowledgements",
       .columns = {key(text("tenant")), key(text("digest")), text("given_by"), integer("given_at")},
       .decode = decode<select_acknowledgements>},
      {.name = "notifications",
       .columns = {key(integer("sequence")), text("id"), integer("happened_at"), text("tenant"),
                   text("type"), text("subject"), optional_text("data")},
       .decode = decode<select_newest_notifications>,
       .since = 3},
      {.name = "webhooks",
       .columns = {key(text("tenant")), key(text("name")), text("id"), text("source_key"),
                   integer("seen_up_to"), integer("key_number"), optional_integer("old_key_until"),
                   optional_integer("failing_since"), optional_integer("disabled_at"),
                   text("disabled_reason"), text("message"), integer("created_at")},
       .decode = decode<select_webhooks>,
       .since = 3},
      {.name = "deliveries",
       .columns = {key(text("id")), text("webhook_tenant"), text("webhook_name"),
                   integer("sequence"), text("notification"), integer("happened_at"),
                   text("tenant"), text("type"), text("subject"), optional_text("data"),
                   text("state"), integer("attempts"), optional_integer("next_try"),
                   integer("status"), text("answer"), integer("created_at"),
                   optional_integer("ended_at")},
       .decode = decode<select_some_deliveries>,
       .since = 3},
  };
}

/// "($1, $2), ($3, $4)"
std::string placeholders(std::size_t rows, std::size_t columns) {
  std::vector<std::string> groups;
  std::size_t number = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    std::vector<std::string> names;
    for (std::size_t column = 0; column < columns; ++column)
      names.push_back(fmt::format("${}", ++number));
    groups.push_back(fmt::format("({})", fmt::join(names, ", ")));
  }
  return fmt::format("{}", fmt::join(groups, ", "));
}

void compose_statements(Table& table) {
  std::vector<std::string> names;
  std::vector<std::string> keys;
  for (const Column& column : table.columns) {
    names.push_back(column.name);
    if (column.is_key) keys.push_back(column.name);
  }
  const std::string into =
      fmt::format("INSERT INTO {} ({}) VALUES ", table.name, fmt::join(names, ", "));
  table.select = fmt::format("SELECT {} FROM {} ORDER BY {}", fmt::join(names, ", "), table.name,
                             fmt::join(keys, ", "));
  table.count = fmt::format("SELECT COUNT(*) FROM {}", table.name);
  table.insert = into + placeholders(1, names.size());
  table.insert_many = into + placeholders(kRowsAtOnce, names.size());
}

Result<Cell> cell_of(const Column& column, const Row& row, int index) {
  if (row.is_null(index)) {
    if (column.may_be_null) return Cell();
    return fail(ErrorCode::Internal, fmt::format("{} has no value", column.name));
  }
  if (column.is_integer) {
    const std::int64_t number = row.integer(index);
    // SQLite keeps what it is given, whatever the column's type is.
    if (row.text(index) == std::to_string(number)) return Cell(number);
    return fail(ErrorCode::Internal, fmt::format("{} is no whole number", column.name));
  }
  std::string words(row.text(index));
  if (clean_text(words) == words) return Cell(std::move(words));
  return fail(ErrorCode::Internal, fmt::format("{} is not valid UTF-8 text", column.name));
}

}  // namespace

const std::vector<Table>& tables() {
  static const std::vector<Table> kTables = [] {
    std::vector<Table> all = list_tables();
    std::ranges::for_each(all, compose_statements);
    return all;
  }();
  return kTables;
}

const Table* find_table(std::string_view name) {
  const auto found = std::ranges::find(tables(), name, &Table::name);
  return found == tables().end() ? nullptr : &*found;
}

Result<std::vector<Cell>> cells_of(const Table& table, const Row& row) {
  std::vector<Cell> cells;
  cells.reserve(table.columns.size());
  for (const Column& column : table.columns) {
    TRY_ASSIGN(Cell cell, cell_of(column, row, static_cast<int>(cells.size())));
    cells.push_back(std::move(cell));
  }
  return cells;
}

std::string key_of(const Table& table, const Row& row) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].is_key)
      parts.push_back(clean_text(std::string(row.text(static_cast<int>(i)))));
  }
  return fmt::format("{}", fmt::join(parts, "/"));
}

}  // namespace croft::sql
