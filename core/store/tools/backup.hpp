#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/units.hpp"
#include "core/store/tools/place.hpp"
#include "core/store/tools/rows.hpp"

namespace croft::store_tools {

// A backup is a text file of JSON documents, one a line:
//
//   {"croft":"0.1.0","format":"croft-backup","from":"...","schema":2,"time":"...","version":1}
//   {"tenants":{"created_at":1700000000000,"name":"alice",...}}        a line for each row
//   {"end":{"rows":{"tenants":1,...},"sha256":"..."}}                  of all lines before this one
//
// Engines do not show in it: any restores it.

/// What a backup says of itself.
struct BackupHeader {
  std::string croft;  ///< version of the program that wrote it
  std::string from;   ///< the store, for people
  std::int64_t schema = 0;
  Timestamp time;
};

struct BackupReport {
  BackupHeader header;
  std::vector<TableSum> tables;
  Bytes size;
};

struct BackupOptions {
  std::string croft_version;
  Timestamp time;
  bool may_replace = false;  ///< a file of that name
};

/// Writes all of a store, as it is at one moment, whoever uses it. The file has its name only once
/// it is whole and on the disk; only its owner may read it, for it holds the hashes of tokens.
/// Conflict if there is a file of that name.
Result<BackupReport> write_backup(const Place& place, const std::filesystem::path& file,
                                  const BackupOptions& options);

/// Reads a whole backup and compares it with its own sum. Invalid if it is none, was cut or
/// changed; Conflict if it is of a schema that this binary does not know.
Result<BackupReport> verify_backup(const std::filesystem::path& file);

/// Fills an empty store from a backup that was verified before anything is written: all of it or
/// nothing. Conflict if the store has content; Conflict or Unavailable if somebody uses it.
Result<BackupReport> restore_backup(const Place& place, const std::filesystem::path& file);

}  // namespace croft::store_tools
