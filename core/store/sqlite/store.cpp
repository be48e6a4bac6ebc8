#include "core/store/sql/store.hpp"

#include <cerrno>
#include <fcntl.h>
#include <functional>
#include <thread>
#include <unistd.h>

#include "core/base/files.hpp"
#include "core/store/directory_lock.hpp"
#include "core/store/sql/migrations.hpp"
#include "core/store/sql/outcome.hpp"
#include "core/store/sqlite.hpp"
#include "core/store/sqlite/connection.hpp"
#include "core/store/sqlite/writer.hpp"

namespace croft {

namespace {

namespace fs = std::filesystem;

/// The thread that reads. In WAL mode it never waits for the writer, and its view is that of the
/// moment it begins.
class Reader {
 public:
  using Job = std::move_only_function<void(sqlite::Connection&)>;

  explicit Reader(std::unique_ptr<sqlite::Connection> connection)
      : connection_(std::move(connection)), thread_([this] { run(); }) {}
  ~Reader() {
    mailbox_.close();
    thread_.join();
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  void submit(Job job) { mailbox_.put(std::move(job)); }

 private:
  void run() {
    for (;;) {
      std::vector<Job> jobs = mailbox_.take_all();
      if (jobs.empty()) return;
      for (Job& job : jobs) job(*connection_);
    }
  }

  std::unique_ptr<sqlite::Connection> connection_;
  sqlite::Mailbox<Job> mailbox_;
  std::thread thread_;  // last: it uses all of the above
};

class SqliteStore final : public sql::SqlStore<SqliteStore> {
 public:
  SqliteStore(DirectoryLock lock, std::unique_ptr<sqlite::Connection> writer,
              std::unique_ptr<sqlite::Connection> reader, SqliteOptions options)
      : lock_(std::move(lock)), writer_(std::move(writer), options), reader_(std::move(reader)) {}

  Task<Result<void>> commit(Transaction transaction) override;

  /// The directory's lock keeps everybody else out.
  Task<bool> foreign_orders(Duration at_most) override {
    co_await sleep_for(at_most);
    co_return false;
  }

  template <typename RowType>
  Task<Result<std::vector<RowType>>> read(sql::Select<RowType> select);

 private:
  // Destroyed in reverse order: the reader closes first, the writer last, and with it goes the
  // write-ahead log.
  DirectoryLock lock_;
  sqlite::Writer writer_;
  Reader reader_;
};

Task<Result<void>> SqliteStore::commit(Transaction transaction) {
  auto start = [this, transaction = std::move(transaction)](auto done) mutable {
    writer_.submit(std::move(transaction), std::move(done));
  };
  Result<void> result = co_await sql::await_outcome<Result<void>>(std::move(start));
  if (!result) co_return fail(std::move(result).error().while_doing("writing to the store"));
  co_return result;
}

template <typename RowType>
Task<Result<std::vector<RowType>>> SqliteStore::read(sql::Select<RowType> select) {
  using Outcome = Result<std::vector<RowType>>;
  auto start = [this, select = std::move(select)](auto done) mutable {
    reader_.submit([select = std::move(select),
                    done = std::move(done)](sqlite::Connection& connection) mutable {
      done(sql::read_all(connection, select));
    });
  };
  Outcome rows = co_await sql::await_outcome<Outcome>(std::move(start));
  if (!rows) co_return fail(std::move(rows).error().while_doing("reading from the store"));
  co_return rows;
}

Result<void> sync_directory(const fs::path& path) {
  const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open() || ::fsync(directory.get()) != 0) {
    return fail(system_error(errno, "syncing " + path.string()));
  }
  return {};
}

/// Leaves one that is there as it is: its mode is the operator's choice.
Result<void> make_missing_directory(const fs::path& directory) {
  std::error_code ignored;
  if (fs::is_directory(directory, ignored)) return {};
  TRY(make_directory(directory, 0700));
  return sync_directory(fs::absolute(directory).parent_path());
}

/// An empty croft.db that only its owner reads (it holds the hashes of tokens); SQLite's other
/// files take its mode.
Result<void> make_database_file(const fs::path& directory) {
  const fs::path path = directory / "croft.db";
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file.is_open()) return sync_directory(directory);
  if (errno == EEXIST) return {};
  return fail(system_error(errno, "making " + path.string()));
}

Result<std::unique_ptr<Store>> open_locked(const fs::path& directory, SqliteOptions options) {
  TRY(make_missing_directory(directory));
  TRY_ASSIGN(DirectoryLock lock, DirectoryLock::take(directory));
  TRY(make_database_file(directory));
  const fs::path file = directory / "croft.db";
  TRY_ASSIGN(auto writer, sqlite::Connection::open(file, sqlite::Connection::Role::Writer));
  if (lock.was_left_behind()) {
    TRY(writer->check());
  }
  TRY(sql::migrate(*writer, sql::migrations()));
  if (options.size_limit) {
    TRY(writer->limit_size(options.size_limit->count));
  }
  TRY_ASSIGN(auto reader, sqlite::Connection::open(file, sqlite::Connection::Role::Reader));
  return std::make_unique<SqliteStore>(std::move(lock), std::move(writer), std::move(reader),
                                       options);
}

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const fs::path& directory, SqliteOptions options) {
  return while_doing(open_locked(directory, options), "opening the store in " + directory.string());
}

}  // namespace croft
