#include "core/store/tools/status.hpp"

#include "core/store/sql/migrations.hpp"
#include "core/store/sql/statements.hpp"
#include "core/store/sql/tables.hpp"
#include "core/store/tools/access.hpp"

namespace croft::store_tools {

namespace {

std::int64_t size_of_files(const Place& place) {
  std::int64_t bytes = 0;
  for (const char* ending : {"", "-wal"}) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(place.file().string() + ending, error);
    if (!error) bytes += static_cast<std::int64_t>(size);
  }
  return bytes;
}

Result<void> read_facts(sql::Session& session, StoreStatus& status) {
  const bool is_sqlite = session.dialect() == sql::Dialect::Sqlite;
  const auto read = [&status](const sql::Row& row) -> Result<void> {
    status.engine = row.text(0);
    status.size = Bytes{row.integer(1)};
    status.takes_writes = row.integer(2) != 0;
    return {};
  };
  return session.query(is_sqlite ? sql::kSqliteFacts : sql::kPostgresFacts, {}, read);
}

Result<void> count_rows(sql::Session& session, StoreStatus& status) {
  for (const sql::Table& table : sql::tables()) {
    // A newer schema may have done away with it.
    TRY_ASSIGN(const bool is_there, sql::has_table(session, table.name));
    if (!is_there) continue;
    const auto read = [&](const sql::Row& row) -> Result<void> {
      status.rows.emplace_back(table.name, row.integer(0));
      return {};
    };
    TRY(session.query(table.count, {}, read));
  }
  return {};
}

Result<void> read_writer(sql::Session& session, StoreStatus& status) {
  TRY_ASSIGN(const bool is_there, sql::has_table(session, "writer"));
  if (!is_there) return {};
  const auto read = [&status](const sql::Row& row) -> Result<void> {
    if (row.is_null(1)) return {};
    status.writer = row.text(0);
    status.last_seen = Duration(row.integer(1));
    return {};
  };
  return session.query(sql::kSeeWriter, {}, read);
}

}  // namespace

Result<StoreStatus> read_status(const Place& place) {
  TRY_ASSIGN(const auto session, open_to_read(place));
  StoreStatus status;
  status.where = place.name;
  status.known_schema = known_version();
  TRY(read_facts(*session, status));
  TRY_ASSIGN(status.schema, sql::find_schema_version(*session));
  TRY(count_rows(*session, status));
  if (place.is_postgres()) {
    TRY(read_writer(*session, status));
    return status;
  }
  status.size = Bytes{size_of_files(place)};
  if (const auto owner = DirectoryLock::find_owner(place.directory))
    status.writer = "pid " + *owner;
  return status;
}

}  // namespace croft::store_tools
