#include "core/store/sqlite/connection.hpp"

#include <cerrno>

#include <fmt/format.h>
#include <sqlite3.h>

#include "core/base/files.hpp"

namespace croft::sqlite {

namespace {

// How long a statement waits for a lock that somebody else holds, for example a backup or the
// sqlite3 shell.
constexpr int kBusyMilliseconds = 5'000;
constexpr std::int64_t kPageSize = 4096;

// Extra sync: a commit is on the disk before COMMIT returns, and so is the end of the rollback
// journal that the very first write of a new file uses; with less, a power loss could bring that
// journal back and undo everything. Temporary files stay in memory, so that a full /tmp stops
// nothing. A log that grew in a rush is cut back at the next checkpoint.
constexpr std::string_view kWriterPragmas =
    "PRAGMA synchronous = EXTRA; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192; "
    "PRAGMA journal_size_limit = 67108864; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = "
    "OFF;";
constexpr std::string_view kReaderPragmas =
    "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192; "
    "PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;";

class StatementRow final : public sql::Row {
 public:
  explicit StatementRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool is_null(int column) const override {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  std::int64_t integer(int column) const override {
    return sqlite3_column_int64(statement_, column);
  }
  std::string_view text(int column) const override {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    if (bytes == nullptr) return {};
    return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  sqlite3_stmt* statement_;
};

/// Makes a cached statement ready for its next use, whatever happened in this one.
class ResetAtEnd {
 public:
  explicit ResetAtEnd(sqlite3_stmt* statement) : statement_(statement) {}
  ~ResetAtEnd() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  ResetAtEnd(const ResetAtEnd&) = delete;
  ResetAtEnd& operator=(const ResetAtEnd&) = delete;

 private:
  sqlite3_stmt* statement_;
};

Error full_disk(const std::filesystem::path& file) {
  return Error(ErrorCode::Unavailable, "the disk is full")
      .with_hint(
          fmt::format("free some space where {} lies; Croft goes on by itself", file.string()));
}

Error read_only(const std::filesystem::path& file) {
  return Error(ErrorCode::Denied, fmt::format("{} is read-only", file.string()))
      .with_hint("check its owner, its mode and how its file system is mounted");
}

Error damaged(const std::filesystem::path& file, std::string_view what) {
  return Error(ErrorCode::Internal, fmt::format("{} is damaged: {}", file.string(), what))
      .with_hint(fmt::format(
          "stop Croft, keep a copy of {}, then restore a backup, or try: sqlite3 croft.db .recover",
          file.parent_path().string()));
}

/// What the operating system said below SQLite, if that is more telling than SQLite's own words.
Error input_output_error(const std::filesystem::path& file, int system_number, const char* words) {
  switch (system_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return full_disk(file);
    case EROFS:
    case EACCES:
    case EPERM:
      return read_only(file);
    default:
      break;
  }
  const std::string reason =
      system_number != 0 ? system_error(system_number, {}).message() : std::string(words);
  return Error(ErrorCode::Unavailable,
               fmt::format("{} cannot be read or written: {}", file.string(), reason))
      .with_hint("look for disk errors in the kernel's log");
}

}  // namespace

void Connection::CloseDatabase::operator()(sqlite3* database) const { sqlite3_close_v2(database); }
void Connection::FinishStatement::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Error Connection::error_of(int code) const {
  const char* words = database_ ? sqlite3_errmsg(database_.get()) : sqlite3_errstr(code);
  const int system_number = database_ ? sqlite3_system_errno(database_.get()) : 0;
  switch (code & 0xFF) {
    case SQLITE_FULL:
      return full_disk(file_);
    case SQLITE_READONLY:
      return read_only(file_);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return damaged(file_, words);
    case SQLITE_CONSTRAINT:
      return {ErrorCode::Conflict, words};
    case SQLITE_TOOBIG:
      return {ErrorCode::Invalid, words};
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return input_output_error(file_, system_number, words);
    case SQLITE_NOMEM:
      return {ErrorCode::Unavailable, "out of memory"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error(ErrorCode::Unavailable,
                   fmt::format("{} is locked by another program", file_.string()))
          .with_hint(fmt::format("find it with: fuser {}", file_.string()));
    default:
      return {ErrorCode::Internal, fmt::format("SQLite says: {} (code {})", words, code)};
  }
}

Result<std::unique_ptr<Connection>> Connection::open(const std::filesystem::path& file, Role role) {
  const int create = role == Role::Writer ? SQLITE_OPEN_CREATE : 0;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | create;
  sqlite3* database = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &database, flags, nullptr);
  // SQLite gives a handle even then: it holds the error, and wants closing.
  std::unique_ptr<Connection> connection(new Connection(file, database));
  const std::string what = "opening " + file.string();
  if (code != SQLITE_OK) return fail(connection->error_of(code).while_doing(what));
  Result<void> configured = connection->configure(role);
  if (!configured) return fail(std::move(configured.error()).while_doing(what));
  return connection;
}

Result<void> Connection::configure(Role role) {
  sqlite3_busy_timeout(database_.get(), kBusyMilliseconds);
  // Opening falls back to read-only where it must: better to hear of it now than at the first
  // commit.
  if (sqlite3_db_readonly(database_.get(), "main") == 1) return fail(read_only(file_));
  if (role == Role::Reader) return run_script(kReaderPragmas);
  TRY(run_script(kWriterPragmas));
  TRY_ASSIGN(const std::string mode, pragma("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return fail(
        Error(ErrorCode::Denied,
              fmt::format("SQLite cannot use a write-ahead log here (mode '{}')", mode))
            .with_hint("put the data directory on a local file system, not on a network share"));
  }
  return {};
}

Result<std::string> Connection::pragma(std::string_view text) {
  std::string answer;
  const auto read = [&answer](const sql::Row& row) -> Result<void> {
    if (answer.empty()) answer = row.text(0);
    return {};
  };
  TRY(query(text, {}, read));
  return answer;
}

Result<sqlite3_stmt*> Connection::prepare(std::string_view text) {
  const auto known = statements_.find(text);
  if (known != statements_.end()) return known->second.get();
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), text.data(), static_cast<int>(text.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return fail(error_of(code));
  statements_.emplace(text, Statement(statement));
  return statement;
}

Result<void> Connection::bind(sqlite3_stmt* statement, const std::vector<sql::Cell>& cells) {
  int index = 0;
  for (const sql::Cell& cell : cells) {
    ++index;
    int code = SQLITE_OK;
    if (const auto* number = std::get_if<std::int64_t>(&cell)) {
      code = sqlite3_bind_int64(statement, index, *number);
    } else if (const auto* text = std::get_if<std::string>(&cell)) {
      // Static: the cells outlive the statement's run.
      code = sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_STATIC,
                                 SQLITE_UTF8);
    }
    if (code != SQLITE_OK) return fail(error_of(code));
  }
  return {};
}

Result<void> Connection::execute(std::string_view text, const std::vector<sql::Cell>& cells) {
  return query(text, cells, [](const sql::Row&) -> Result<void> { return {}; });
}

Result<void> Connection::query(std::string_view text, const std::vector<sql::Cell>& cells,
                               const sql::RowSink& sink) {
  TRY_ASSIGN(sqlite3_stmt* const statement, prepare(text));
  const ResetAtEnd reset(statement);
  TRY(bind(statement, cells));
  const StatementRow row(statement);
  for (;;) {
    const int code = sqlite3_step(statement);
    if (code == SQLITE_DONE) return {};
    if (code != SQLITE_ROW) return fail(error_of(code));
    TRY(sink(row));
  }
}

Result<void> Connection::run_script(std::string_view text) {
  const int code =
      sqlite3_exec(database_.get(), std::string(text).c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(error_of(code));
  return {};
}

bool Connection::is_in_transaction() const { return sqlite3_get_autocommit(database_.get()) == 0; }

Result<void> Connection::check() {
  TRY_ASSIGN(const std::string verdict, pragma("PRAGMA quick_check(1)"));
  if (verdict != "ok") return fail(damaged(file_, verdict));
  return {};
}

Result<std::vector<std::string>> Connection::find_damage() {
  std::vector<std::string> found;
  const auto read = [&found](const sql::Row& row) -> Result<void> {
    if (row.text(0) != "ok") found.emplace_back(row.text(0));
    return {};
  };
  TRY(query("PRAGMA integrity_check(20)", {}, read));
  return found;
}

Result<void> Connection::limit_size(std::int64_t bytes) {
  return run_script(fmt::format("PRAGMA max_page_count = {};", bytes / kPageSize));
}

}  // namespace croft::sqlite
