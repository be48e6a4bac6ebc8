#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "core/base/units.hpp"
#include "core/store/history.hpp"
#include "core/store/store.hpp"

namespace croft {

struct SqliteOptions {
  StoreHistory history;
  std::optional<Bytes>
      size_limit;  ///< commits that would make croft.db larger fail as on a full disk
};

/// Opens (or makes) the embedded store in `directory`: `croft.db` in WAL mode, one writer thread
/// with group commit, one reader thread. Blocks while opening. Takes the directory's lock
/// (`croft.lock`, released by the kernel however the process ends): Conflict naming the pid if
/// another daemon holds it. After a daemon that did not end cleanly the file is checked first:
/// Internal if it is damaged. Migrates an older schema; Conflict if the schema is newer than this
/// binary; Denied if the directory or the file is read-only.
///
/// A commit completes after it is synced to the disk. Commits submitted while the disk is busy
/// share the next sync. When the disk is full commits fail with Unavailable and change nothing,
/// reads go on, and commits succeed again once there is space. The destructor finishes what was
/// submitted; destroy the store before the io_context that awaits it. Never open croft.db with
/// other code of this process: closing it would drop SQLite's file locks.
Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& directory,
                                                 SqliteOptions options = {});

}  // namespace croft
