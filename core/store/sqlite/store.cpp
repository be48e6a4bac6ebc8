#include <cerrno>
#include <fcntl.h>
#include <functional>
#include <thread>
#include <type_traits>
#include <unistd.h>

#include "core/base/files.hpp"
#include "core/store/sql/migrations.hpp"
#include "core/store/sql/reads.hpp"
#include "core/store/sqlite.hpp"
#include "core/store/sqlite/connection.hpp"
#include "core/store/sqlite/lock.hpp"
#include "core/store/sqlite/writer.hpp"

namespace croft {

namespace {

namespace fs = std::filesystem;

/// Hands `start` a function to call with the outcome, from any thread; resumes on the caller's
/// executor with it.
template <typename Outcome, typename Start>
Task<Outcome> await_outcome(Start start) {
  auto initiate = [](auto handler, Start begin) {
    auto executor = asio::get_associated_executor(handler);
    // Keeps the caller's io_context running while only another thread knows of this wait.
    auto work = asio::make_work_guard(executor);
    begin([handler = std::move(handler), work = std::move(work)](Outcome outcome) mutable {
      asio::post(work.get_executor(),
                 [handler = std::move(handler), outcome = std::move(outcome)]() mutable {
                   std::move(handler)(std::move(outcome));
                 });
    });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Outcome)>(
      std::move(initiate), asio::use_awaitable, std::move(start));
}

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

class SqliteStore final : public Store {
 public:
  SqliteStore(sqlite::DirectoryLock lock, std::unique_ptr<sqlite::Connection> writer,
              std::unique_ptr<sqlite::Connection> reader, SqliteOptions options)
      : lock_(std::move(lock)), writer_(std::move(writer), options), reader_(std::move(reader)) {}

  Task<Result<void>> commit(Transaction transaction) override;

  Task<Result<std::vector<TenantRow>>> tenants() override { return read(sql::read_tenants); }
  Task<Result<std::vector<SourceRow>>> sources() override { return read(sql::read_sources); }
  Task<Result<std::vector<ResourceRow>>> resources(std::string tenant) override {
    return read([tenant = std::move(tenant)](sql::Session& session) {
      return sql::read_resources(session, tenant);
    });
  }
  Task<Result<std::vector<ResourceRow>>> all_resources() override {
    return read(sql::read_all_resources);
  }
  Task<Result<std::vector<IntentRow>>> open_intents() override {
    return read(sql::read_open_intents);
  }
  Task<Result<std::vector<DirectiveRow>>> directives() override {
    return read(sql::read_directives);
  }
  Task<Result<std::vector<EventRow>>> events(EventQuery query) override {
    return read([query = std::move(query)](sql::Session& session) {
      return sql::read_events(session, query);
    });
  }
  Task<Result<std::vector<UsageRow>>> usage(std::string tenant_uid, Timestamp from,
                                            Timestamp to) override {
    return read([tenant_uid = std::move(tenant_uid), from, to](sql::Session& session) {
      return sql::read_usage(session, tenant_uid, from, to);
    });
  }
  Task<Result<std::vector<UsageRow>>> open_usage() override { return read(sql::read_open_usage); }
  Task<Result<std::vector<TokenRow>>> tokens() override { return read(sql::read_tokens); }
  Task<Result<std::vector<AcknowledgementRow>>> acknowledgements() override {
    return read(sql::read_acknowledgements);
  }

 private:
  template <typename Function>
  Task<std::invoke_result_t<Function, sql::Session&>> read(Function function);

  // Destroyed in reverse order: the reader closes first, the writer last, and with it goes the
  // write-ahead log.
  sqlite::DirectoryLock lock_;
  sqlite::Writer writer_;
  Reader reader_;
};

Task<Result<void>> SqliteStore::commit(Transaction transaction) {
  auto start = [this, transaction = std::move(transaction)](auto done) mutable {
    writer_.submit(std::move(transaction), std::move(done));
  };
  Result<void> result = co_await await_outcome<Result<void>>(std::move(start));
  if (!result) co_return fail(std::move(result).error().while_doing("writing to the store"));
  co_return result;
}

template <typename Function>
Task<std::invoke_result_t<Function, sql::Session&>> SqliteStore::read(Function function) {
  using Outcome = std::invoke_result_t<Function, sql::Session&>;
  auto start = [this, function = std::move(function)](auto done) mutable {
    reader_.submit([function = std::move(function), done = std::move(done)](
                       sqlite::Connection& connection) mutable { done(function(connection)); });
  };
  Outcome rows = co_await await_outcome<Outcome>(std::move(start));
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
  TRY_ASSIGN(sqlite::DirectoryLock lock, sqlite::DirectoryLock::take(directory));
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
