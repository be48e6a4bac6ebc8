#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/store/history.hpp"
#include "core/store/store.hpp"

namespace croft {

/// Opens the store of a daemon with that data directory: in the PostgreSQL database of `url`, or
/// the embedded one in the directory if `url` is empty. Blocks. Errors as open_postgres_store() and
/// open_sqlite_store() say; Conflict for an embedded one where this directory's store was in
/// PostgreSQL until now.
Result<std::unique_ptr<Store>> open_store(const std::filesystem::path& directory,
                                          const std::string& url, StoreHistory history = {});

}  // namespace croft
