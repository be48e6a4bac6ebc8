#include "core/store/open.hpp"

#include <fmt/format.h>

#include "core/store/postgres.hpp"
#include "core/store/sqlite.hpp"

namespace croft {

namespace {

namespace fs = std::filesystem;

/// Whether the directory's store was in PostgreSQL after its croft.db was written last.
bool was_elsewhere(const fs::path& directory) {
  std::error_code holder_error;
  std::error_code database_error;
  const auto elsewhere = fs::last_write_time(directory / "store.holder", holder_error);
  const auto here = fs::last_write_time(directory / "croft.db", database_error);
  return !holder_error && (database_error || here < elsewhere);
}

}  // namespace

Result<std::unique_ptr<Store>> open_store(const fs::path& directory, const std::string& url,
                                          StoreHistory history) {
  if (!url.empty()) return open_postgres_store(directory, {.url = url, .history = history});
  if (was_elsewhere(directory)) {
    return fail(
        Error(ErrorCode::Conflict, fmt::format("the store of {} was in PostgreSQL until now, and "
                                               "store.url is not set",
                                               directory.string()))
            .with_hint(fmt::format("set store.url; or copy it back first, with an old croft.db "
                                   "moved away: croft store copy URL {}",
                                   (directory / "croft.db").string())));
  }
  return open_sqlite_store(directory, {.history = history});
}

}  // namespace croft
