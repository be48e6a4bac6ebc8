#pragma once
// core/store/tools: what an operator does with a whole store, beside the daemon or while it is
// stopped (`croft store`). Blocks. Rows are taken as they are, by the list in sql/tables.
//
//   place     where a store is
//   access    opening one: to read beside its daemon, or with everybody else kept out
//   rows      the rows of all tables: read, written, summed up
//   status, check, migrate, backup, copy     one command each

#include <filesystem>
#include <string>

#include "core/base/result.hpp"

namespace croft::store_tools {

/// Where a store is.
struct Place {
  std::string url;                  ///< of PostgreSQL; may hold a password. Empty: embedded
  std::filesystem::path directory;  ///< of an embedded one's croft.db
  std::string name;                 ///< for people, without a password
  std::string setting;              ///< as `store.url`, if it can be shown: without its password

  bool is_postgres() const { return !url.empty(); }
  std::filesystem::path file() const { return directory / "croft.db"; }
};

/// The store that a daemon with these settings uses (core/store/open.hpp).
Result<Place> place_of_settings(const std::filesystem::path& data, const std::string& store_url);

/// What a person names: a URL, or libpq's "host=... dbname=...", for PostgreSQL; a croft.db or its
/// directory for an embedded one, which need not be there. Invalid if it is neither.
Result<Place> parse_place(const std::string& text);

}  // namespace croft::store_tools
