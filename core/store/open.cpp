#include "core/store/open.hpp"

#include <fmt/format.h>

#include "core/store/postgres.hpp"
#include "core/store/sqlite.hpp"

namespace croft {

Result<std::unique_ptr<Store>> open_store(const std::filesystem::path& directory,
                                          const std::string& url) {
  if (!url.empty()) return open_postgres_store(directory, {.url = url});
  std::error_code ignored;
  const bool was_elsewhere = std::filesystem::exists(directory / "store.holder", ignored);
  if (was_elsewhere && !std::filesystem::exists(directory / "croft.db", ignored)) {
    return fail(
        Error(ErrorCode::Conflict, fmt::format("the store of {} was in PostgreSQL until now, and "
                                               "store.url is not set",
                                               directory.string()))
            .with_hint(fmt::format("set store.url, or copy it back first: croft store copy URL {}",
                                   (directory / "croft.db").string())));
  }
  return open_sqlite_store(directory);
}

}  // namespace croft
