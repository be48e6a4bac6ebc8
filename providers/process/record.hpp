#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/base/result.hpp"
#include "core/base/value.hpp"
#include "providers/port/provider.hpp"
#include "providers/process/layout.hpp"

namespace croft {

/// What was asked for last of one app. Its spec changes only while no shim of the app lives, so
/// that it is always what the shim runs.
struct AppRecord {
  std::string uid;
  Ref ref;
  TenantIdentity tenant;
  std::string intent;
  std::shared_ptr<const Value> spec;
  std::string digest;
  std::string tree;       ///< id of its files, or empty
  bool is_wanted = true;  ///< false: stopped by us
  bool allow_egress = false;
  int network_slot = -1;  ///< of its addresses, or -1
  int port = 0;           ///< where it listens
};

std::string write_record(const AppRecord& record);
Result<AppRecord> read_record(std::string_view json);

/// Replaces the record's file, safe against power failure.
Result<void> save_record(const ProcessLayout& layout, const AppRecord& record);
/// Nothing if there is no such app.
Result<std::optional<AppRecord>> load_record(const ProcessLayout& layout, std::string_view uid);

}  // namespace croft
