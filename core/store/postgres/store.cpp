#include "core/store/sql/store.hpp"

#include <thread>

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/base/id.hpp"
#include "core/store/directory_lock.hpp"
#include "core/store/postgres.hpp"
#include "core/store/postgres/lease.hpp"
#include "core/store/postgres/listener.hpp"
#include "core/store/postgres/promise.hpp"
#include "core/store/postgres/readers.hpp"
#include "core/store/postgres/server.hpp"
#include "core/store/postgres/session.hpp"
#include "core/store/postgres/writer.hpp"
#include "core/store/sql/migrations.hpp"
#include "core/store/sql/outcome.hpp"

namespace croft {

namespace {

namespace fs = std::filesystem;
using postgres::Promise;

class PostgresStore final : public sql::SqlStore<PostgresStore> {
 public:
  PostgresStore(DirectoryLock lock, postgres::Target target, PostgresOptions options,
                postgres::Lease lease)
      : lock_(std::move(lock)),
        server_(io_.get_executor(), std::move(target), lease.holder, std::move(options)),
        writer_(server_, std::move(lease)),
        readers_(server_),
        listener_(server_) {
    spawn(io_.get_executor(), write(), "store writer");
    spawn(io_.get_executor(), writer_.answer_overdue(), "store overdue");
    spawn(io_.get_executor(), listener_.run(), "store listener");
    thread_ = std::thread([this] { io_.run(); });
  }

  /// What is still unanswered after the writer's patience is answered as the members go.
  ~PostgresStore() override {
    asio::post(io_, [this] {
      is_ending_ = true;
      writer_.stop();
      if (writer_.is_dead()) return io_.stop();
      spawn(io_.get_executor(), end_at_last(), "store end");
    });
    thread_.join();
    server_.stop();
  }

  PostgresStore(const PostgresStore&) = delete;
  PostgresStore& operator=(const PostgresStore&) = delete;

  Task<Result<void>> commit(Transaction transaction) override;
  Task<bool> foreign_orders(Duration at_most) override;

  template <typename RowType>
  Task<Result<std::vector<RowType>>> read(sql::Select<RowType> select);

 private:
  /// The last to end: nothing else need go on then. Unless it died, and others must be told so.
  Task<> write() {
    co_await writer_.run();
    if (!writer_.is_dead() || is_ending_) io_.stop();
  }
  /// For a server that answers nothing.
  Task<> end_at_last() {
    co_await sleep_for(server_.options().patience + Duration(1'000));
    io_.stop();
  }

  template <typename RowType>
  Task<> answer(sql::Select<RowType> select, Promise<std::vector<RowType>> promise);
  Task<> answer_orders(Duration at_most, Promise<void> promise);

  DirectoryLock lock_;
  asio::io_context io_{1};  // before all that uses it: what waits in it goes last
  postgres::Server server_;
  postgres::Writer writer_;
  postgres::Readers readers_;
  postgres::Listener listener_;
  bool is_ending_ = false;  // of the thread
  std::thread thread_;
};

Task<Result<void>> PostgresStore::commit(Transaction transaction) {
  std::move_only_function<void(sql::Done<Result<void>>)> start =
      [this, transaction = std::move(transaction)](sql::Done<Result<void>> done) mutable {
        asio::post(io_, [this, transaction = std::move(transaction),
                         promise = Promise<void>(std::move(done))]() mutable {
          writer_.submit(std::move(transaction), std::move(promise));
        });
      };
  Result<void> result = co_await sql::await_outcome<Result<void>>(std::move(start));
  if (!result) co_return fail(std::move(result).error().while_doing("writing to the store"));
  co_return result;
}

template <typename RowType>
Task<Result<std::vector<RowType>>> PostgresStore::read(sql::Select<RowType> select) {
  using Rows = std::vector<RowType>;
  std::move_only_function<void(sql::Done<Result<Rows>>)> start =
      [this, select = std::move(select)](sql::Done<Result<Rows>> done) mutable {
        asio::post(io_, [this, select = std::move(select),
                         promise = Promise<Rows>(std::move(done))]() mutable {
          spawn(io_.get_executor(), answer(std::move(select), std::move(promise)), "store read");
        });
      };
  Result<Rows> rows = co_await sql::await_outcome<Result<Rows>>(std::move(start));
  if (!rows) co_return fail(std::move(rows).error().while_doing("reading from the store"));
  co_return rows;
}

template <typename RowType>
Task<> PostgresStore::answer(sql::Select<RowType> select, Promise<std::vector<RowType>> promise) {
  sql::Statement statement = select.statement;
  const Result<postgres::Answer> read = co_await readers_.read(std::move(statement));
  if (!read) {
    promise.answer(fail(read.error()));
    co_return;
  }
  sql::Gatherer<RowType> gatherer(select);
  const sql::RowSink sink = [&gatherer](const sql::Row& row) { return gatherer.add(row); };
  const Result<void> gathered = postgres::for_each_row(read->get(), sink);
  if (gathered) {
    promise.answer(gatherer.take());
  } else {
    promise.answer(fail(gathered.error()));
  }
}

Task<bool> PostgresStore::foreign_orders(Duration at_most) {
  std::move_only_function<void(sql::Done<Result<void>>)> start =
      [this, at_most](sql::Done<Result<void>> done) mutable {
        asio::post(io_, [this, at_most, promise = Promise<void>(std::move(done))]() mutable {
          spawn(io_.get_executor(), answer_orders(at_most, std::move(promise)), "store orders");
        });
      };
  (void)co_await sql::await_outcome<Result<void>>(std::move(start));
  co_return true;
}

Task<> PostgresStore::answer_orders(Duration at_most, Promise<void> promise) {
  co_await listener_.wait(at_most);
  promise.answer(Result<void>());
}

constexpr const char* kHolderFile = "store.holder";

/// Who writes from this directory: an id that is made once.
Result<std::string> holder_of(const fs::path& directory) {
  const Result<std::string> known = read_file(directory / kHolderFile, 1 << 10);
  if (known && !known->empty()) return known->substr(0, known->find('\n'));
  if (!known && known.error().code() != ErrorCode::NotFound) return known;
  return SystemRandom().id();
}

/// Once it is known that this directory's store is in PostgreSQL, and not before: the file's time
/// is that of the last start there (core/store/open.cpp).
Result<void> keep_holder(const fs::path& directory, const std::string& holder) {
  return write_file_atomic(directory / kHolderFile, holder + "\n", 0600);
}

/// A daemon that forgets what it owns would make all of it a second time.
Result<void> check_not_forgotten(sql::Session& session, const fs::path& directory) {
  std::error_code ignored;
  if (!fs::exists(directory / "croft.db", ignored)) return {};
  TRY_ASSIGN(const auto tenants, sql::read_all(session, sql::select_tenants()));
  TRY_ASSIGN(const auto sources, sql::read_all(session, sql::select_sources()));
  if (!tenants.empty() || !sources.empty()) return {};
  return fail(
      Error(ErrorCode::Conflict,
            fmt::format("the database is empty, but {} holds what Croft knew until now",
                        (directory / "croft.db").string()))
          .with_hint(fmt::format("copy it first: croft store copy {} URL; or move it away to begin "
                                 "with nothing",
                                 (directory / "croft.db").string())));
}

/// Takes the lease, and only then changes the schema that another daemon may be using: it is an
/// empty database whose schema is made first.
Result<postgres::Lease> enter(sql::Session& session, const std::string& holder,
                              const fs::path& directory, Duration lease) {
  TRY_ASSIGN(const std::int64_t version, sql::find_schema_version(session));
  TRY(sql::check_not_newer(version, sql::migrations()));
  if (version < postgres::kLeaseSince) {
    TRY(sql::migrate(session, sql::migrations()));
  }
  TRY_ASSIGN(postgres::Lease taken,
             postgres::take_lease(session, holder, postgres::describe_this_process(), lease));
  Result<void> done = sql::migrate(session, sql::migrations());
  if (done) done = check_not_forgotten(session, directory);
  if (done) done = keep_holder(directory, holder);
  if (done) return taken;
  (void)postgres::release_lease(session, taken);
  return fail(std::move(done.error()));
}

Result<std::unique_ptr<Store>> open(const fs::path& directory, PostgresOptions options) {
  TRY_ASSIGN(postgres::Target target, postgres::parse_target(options.url));
  TRY(make_directory(directory, 0700));
  TRY_ASSIGN(DirectoryLock lock, DirectoryLock::take(directory));
  TRY_ASSIGN(const std::string holder, holder_of(directory));
  TRY_ASSIGN(const auto session, postgres::BlockingSession::open(target));
  TRY_ASSIGN(postgres::Lease lease, enter(*session, holder, directory, options.lease));
  return std::make_unique<PostgresStore>(std::move(lock), std::move(target), std::move(options),
                                         std::move(lease));
}

}  // namespace

Result<std::unique_ptr<Store>> open_postgres_store(const fs::path& directory,
                                                   PostgresOptions options) {
  return while_doing(open(directory, std::move(options)), "opening the store in PostgreSQL");
}

}  // namespace croft
