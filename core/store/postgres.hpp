#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/base/units.hpp"
#include "core/store/history.hpp"
#include "core/store/store.hpp"

namespace croft {

struct PostgresOptions {
  /// "postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full", or libpq's "host=... dbname=...".
  /// What it leaves out comes from libpq's PG* variables, service file and password file.
  std::string url;
  StoreHistory history;
  int readers = 4;                     ///< connections for reads, made when they are needed
  Duration statement_timeout{30'000};  ///< of one statement, by the server
  Duration lock_timeout{10'000};       ///< for one lock, by the server
  /// How much longer than its own time-outs we wait for a server's answer before the connection
  /// counts as broken.
  Duration answer_slack{5'000};
  /// How long a commit or a read waits for a server that is away before it fails with Unavailable.
  Duration patience{10'000};
  /// How long after its last sign of life a writer is taken for gone by others.
  Duration lease{20'000};
};

/// Opens the store in a PostgreSQL database (15 or newer; UTF-8), by connections of a thread of its
/// own. Blocks while opening. `directory` is the daemon's: its lock is taken as open_sqlite_store()
/// does, and `store.holder` in it says who writes, so that a restarted daemon may go on at once
/// where others wait for the end of the lease. Migrates an older schema.
///
/// Errors: Conflict if the schema is newer than this binary, if the directory is locked, or if it
/// has a croft.db while the database is empty (somebody forgot to copy it); Unavailable if the
/// server cannot be reached, refuses the connection, or if another daemon writes (`url` is never
/// shown with its password); Denied if the user may not make tables; Invalid if `url` is none.
///
/// A commit completes after the server has it on its disk. Commits submitted while one is under way
/// share the next transaction, which is sent behind it and takes effect only after it. A connection
/// that is cut in the middle of a commit leaves its outcome unknown: the store connects again,
/// locks out what may still be under way in the old one, and reads back which batch was the last;
/// until it knows, that commit does not complete. What waits behind it fails with Unavailable after
/// `patience`. Works through a pool of transactions (pgbouncer). The destructor gives what was
/// submitted `patience` to finish.
Result<std::unique_ptr<Store>> open_postgres_store(const std::filesystem::path& directory,
                                                   PostgresOptions options);

}  // namespace croft
