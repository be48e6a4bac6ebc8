#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "core/store/directory_lock.hpp"
#include "core/store/postgres/lease.hpp"
#include "core/store/sql/session.hpp"
#include "core/store/tools/place.hpp"

namespace croft::store_tools {

/// The schema version that this binary makes and knows.
std::int64_t known_version();

/// A connection for reading while a daemon may use the store. NotFound if there is no store there.
Result<std::unique_ptr<sql::Session>> open_to_read(const Place& place);

/// From here all reads see one moment, until sql::kRollback.
Result<void> begin_snapshot(sql::Session& session);

/// True if there is a row in any table that this binary knows, or a number was ever given.
Result<bool> has_content(sql::Session& session);

/// Conflict if the rows of a store of that version are not laid out as this binary's are.
Result<void> check_rows_known(std::int64_t version, const Place& place);

/// A store with everybody else kept out: by the lock of its directory, or by the lease of its
/// database. Its end rolls back what is not committed, and lets others in.
class Held {
 public:
  /// One that is there, to read it, or to migrate it. NotFound if it is not.
  static Result<std::unique_ptr<Held>> take(const Place& place);
  /// One to be filled, with the schema of this binary: made if it is not there, Conflict if it has
  /// content. A new croft.db has its name only after commit(), so that no daemon ever finds half of
  /// one.
  static Result<std::unique_ptr<Held>> take_empty(const Place& place);

  ~Held();
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  sql::Session& session() { return *session_; }
  /// Begins a transaction that sees one moment, and during which nobody can take the store.
  Result<void> begin();
  /// Of a store that was empty before. If the connection breaks, the outcome is read back over
  /// another; Unavailable if it did not happen, or if that cannot be found out for a minute.
  Result<void> commit();

 private:
  explicit Held(Place place) : place_(std::move(place)) {}
  Result<void> lock_directory();
  Result<void> take_lease();
  Result<void> make_file();
  Result<void> settle_file();
  Result<void> refuse_content();
  Result<void> read_back(Error lost);
  Result<bool> look_again();

  Place place_;
  std::optional<DirectoryLock> lock_;  // before the session: let go after it is closed
  std::unique_ptr<sql::Session> session_;
  std::optional<postgres::Lease> lease_;
  std::filesystem::path unnamed_;  ///< a new file that has not got its name yet
  bool is_in_transaction_ = false;
};

}  // namespace croft::store_tools
