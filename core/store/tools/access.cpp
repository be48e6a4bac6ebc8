#include "core/store/tools/access.hpp"

#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/base/id.hpp"
#include "core/store/postgres.hpp"
#include "core/store/postgres/session.hpp"
#include "core/store/sql/migrations.hpp"
#include "core/store/sql/statements.hpp"
#include "core/store/sql/tables.hpp"
#include "core/store/sqlite/connection.hpp"

namespace croft::store_tools {

namespace {

namespace fs = std::filesystem;
using sql::Cell;
using sqlite::Connection;

Error no_store(const Place& place) {
  return Error(ErrorCode::NotFound,
               fmt::format("there is no store in {}",
                           place.is_postgres() ? place.name : place.directory.string()))
      .with_hint("`croft serve` makes it; look at --data, --store-url and the settings file");
}

Result<void> require_file(const Place& place) {
  std::error_code ignored;
  if (!fs::exists(place.file(), ignored)) return fail(no_store(place));
  return {};
}

Result<std::unique_ptr<sql::Session>> open_postgres(const Place& place, postgres::Access access) {
  TRY_ASSIGN(const postgres::Target target, postgres::parse_target(place.url));
  return postgres::BlockingSession::open(target, access);
}

Result<void> require_schema(sql::Session& session, const Place& place) {
  TRY_ASSIGN(const std::int64_t version, sql::find_schema_version(session));
  if (version == 0) return fail(no_store(place));
  return {};
}

Result<std::int64_t> count(sql::Session& session, std::string_view statement) {
  std::int64_t rows = 0;
  const auto read = [&rows](const sql::Row& row) -> Result<void> {
    rows = row.integer(0);
    return {};
  };
  TRY(session.query(statement, {}, read));
  return rows;
}

Result<void> sync_directory(const fs::path& path) {
  const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open() || ::fsync(directory.get()) != 0)
    return fail(system_error(errno, "syncing " + path.string()));
  return {};
}

void remove_database(const fs::path& file) {
  std::error_code ignored;
  for (const char* ending : {"", "-wal", "-shm", "-journal"})
    fs::remove(file.string() + ending, ignored);
}

constexpr std::chrono::seconds kReadBackPatience{60};
constexpr std::chrono::milliseconds kReadBackPause{200};

/// Long reads and writes are what tools are for: no time-out but for locks.
Result<void> set_transaction(sql::Session& session, const std::string& holder) {
  if (session.dialect() == sql::Dialect::Sqlite) return {};
  return session.execute(sql::kSetTransaction, {Cell("0"), Cell("10s"), Cell(holder)});
}

}  // namespace

std::int64_t known_version() { return sql::migrations().back().version; }

Result<std::unique_ptr<sql::Session>> open_to_read(const Place& place) {
  if (!place.is_postgres()) {
    TRY(require_file(place));
    return Connection::open(place.file(), Connection::Role::Reader);
  }
  TRY_ASSIGN(auto session, open_postgres(place, postgres::Access::Read));
  TRY(require_schema(*session, place));
  return session;
}

Result<void> begin_snapshot(sql::Session& session) {
  const bool is_sqlite = session.dialect() == sql::Dialect::Sqlite;
  TRY(session.execute(is_sqlite ? sql::kBegin : sql::kBeginSnapshot, {}));
  return set_transaction(session, {});
}

Result<bool> has_content(sql::Session& session) {
  TRY_ASSIGN(const std::int64_t version, sql::find_schema_version(session));
  if (version == 0) return false;
  for (const sql::Table& table : sql::tables()) {
    TRY_ASSIGN(const bool is_there, sql::has_table(session, table.name));
    if (!is_there) continue;
    const bool is_counters = table.name == "counters";
    TRY_ASSIGN(const std::int64_t rows,
               count(session, is_counters ? sql::kUsedCounters : std::string_view(table.count)));
    if (rows > 0) return true;
  }
  return false;
}

Result<void> check_rows_known(std::int64_t version, const Place& place) {
  TRY(sql::check_not_newer(version, sql::migrations()));
  if (version >= sql::kTablesSince) return {};
  return fail(Error(ErrorCode::Conflict, fmt::format("{} has schema version {}, and this croft "
                                                     "takes rows from version {} on",
                                                     place.name, version, sql::kTablesSince))
                  .with_hint("run `croft store migrate` on it first"));
}

Result<std::unique_ptr<Held>> Held::take(const Place& place) {
  std::unique_ptr<Held> held(new Held(place));
  if (place.is_postgres()) {
    TRY_ASSIGN(held->session_, open_postgres(place, postgres::Access::Write));
    TRY(require_schema(*held->session_, place));
    TRY(held->take_lease());
    return held;
  }
  TRY(require_file(place));
  TRY(held->lock_directory());
  TRY_ASSIGN(auto connection, Connection::open(place.file(), Connection::Role::Writer));
  // The next daemon will not know that its predecessor was killed, and not look for damage.
  if (held->lock_->was_left_behind()) {
    TRY(connection->check());
  }
  held->session_ = std::move(connection);
  return held;
}

Result<std::unique_ptr<Held>> Held::take_empty(const Place& place) {
  std::unique_ptr<Held> held(new Held(place));
  if (place.is_postgres()) {
    TRY_ASSIGN(held->session_, open_postgres(place, postgres::Access::Write));
    TRY(held->take_lease());
  } else {
    TRY(held->make_file());
  }
  TRY(held->refuse_content());
  TRY(sql::migrate(*held->session_, sql::migrations()));
  if (!held->lease_ && place.is_postgres()) {
    TRY(held->take_lease());
  }
  return held;
}

Held::~Held() {
  if (session_ && is_in_transaction_) (void)session_->execute(sql::kRollback, {});
  if (session_ && lease_) (void)postgres::release_lease(*session_, *lease_);
  session_.reset();
  if (!unnamed_.empty()) remove_database(unnamed_);
}

Result<void> Held::lock_directory() {
  TRY_ASSIGN(DirectoryLock lock, DirectoryLock::take(place_.directory));
  lock_.emplace(std::move(lock));
  return {};
}

/// Nothing where there is no such table yet: no daemon uses a database without it.
Result<void> Held::take_lease() {
  TRY_ASSIGN(const bool is_there, sql::has_table(*session_, "writer"));
  if (!is_there) return {};
  TRY_ASSIGN(lease_, postgres::take_lease(*session_, SystemRandom().id(),
                                          "croft store, " + postgres::describe_this_process(),
                                          PostgresOptions().lease));
  return {};
}

Result<void> Held::make_file() {
  std::error_code ignored;
  if (!fs::is_directory(place_.directory, ignored)) {
    TRY(make_directory(place_.directory, 0700));
  }
  TRY(lock_directory());
  fs::path file = place_.file();
  if (!fs::exists(file, ignored)) {
    file += ".new";
    remove_database(file);  // of somebody who was killed
    unnamed_ = file;
    const UniqueFd made(::open(file.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!made.is_open()) return fail(system_error(errno, "making " + file.string()));
  }
  TRY_ASSIGN(session_, Connection::open(file, Connection::Role::Writer));
  return {};
}

Result<void> Held::refuse_content() {
  TRY_ASSIGN(const bool is_used, has_content(*session_));
  if (!is_used) return {};
  return fail(
      Error(ErrorCode::Conflict, fmt::format("{} is not empty: a store is in it", place_.name))
          .with_hint(place_.is_postgres()
                         ? "make a new database: createdb -E UTF8 -T template0 NAME"
                         : "move croft.db (with croft.db-wal, if there is one) away, or name "
                           "another directory"));
}

Result<void> Held::begin() {
  const bool is_sqlite = session_->dialect() == sql::Dialect::Sqlite;
  TRY(session_->execute(is_sqlite ? sql::kBeginImmediate : sql::kBeginSnapshot, {}));
  is_in_transaction_ = true;
  TRY(set_transaction(*session_, lease_ ? lease_->holder : std::string()));
  if (!lease_) return {};
  return postgres::hold_lease(*session_, *lease_);
}

Result<void> Held::commit() {
  Result<void> committed = session_->execute(sql::kCommit, {});
  const bool is_unknown =
      !committed && lease_ && committed.error().code() == ErrorCode::Unavailable;
  if (is_unknown) committed = read_back(std::move(committed.error()));
  if (!committed) return committed;
  is_in_transaction_ = false;
  return unnamed_.empty() ? Result<void>() : settle_file();
}

Result<void> Held::read_back(Error lost) {
  is_in_transaction_ = false;
  const auto give_up = std::chrono::steady_clock::now() + kReadBackPatience;
  Result<bool> is_there = look_again();
  while (!is_there && is_there.error().is_retryable() &&
         std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(kReadBackPause);
    is_there = look_again();
  }
  if (is_there && *is_there) return {};
  if (is_there) return fail(std::move(lost).with_hint("nothing was written; try again"));
  return fail(Error(is_there.error().code(),
                    fmt::format("the connection broke in the commit, and whether it happened is "
                                "not known: {}",
                                is_there.error().message()))
                  .with_hint("`croft store status` shows whether there is content now"));
}

/// The lease's row is locked until the transaction before has ended, whichever way.
Result<bool> Held::look_again() {
  TRY_ASSIGN(session_, open_postgres(place_, postgres::Access::Write));
  TRY(session_->execute(sql::kBegin, {}));
  is_in_transaction_ = true;
  TRY(set_transaction(*session_, lease_->holder));
  TRY(postgres::hold_lease(*session_, *lease_));
  TRY_ASSIGN(const bool is_there, has_content(*session_));
  TRY(session_->execute(sql::kRollback, {}));
  is_in_transaction_ = false;
  return is_there;
}

Result<void> Held::settle_file() {
  session_.reset();  // which moves its log into the file
  std::error_code error;
  if (fs::exists(unnamed_.string() + "-wal", error)) {
    return fail(ErrorCode::Internal,
                fmt::format("SQLite left its log beside {}", unnamed_.string()));
  }
  fs::rename(unnamed_, place_.file(), error);
  if (error) return fail(system_error(error.value(), "naming " + place_.file().string()));
  unnamed_.clear();
  return sync_directory(place_.directory);
}

}  // namespace croft::store_tools
