#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/value.hpp"
#include "providers/script/vendor_client.hpp"

namespace croft::script {

/// One setting that an adapter takes from `Provider.spec.settings`.
struct AdapterSetting {
  enum class Type { Text, Integer, Boolean, Duration, Bytes };
  Type type = Type::Text;
  bool is_required = false;
  std::optional<Value> fallback;
  std::vector<std::string> choices;
  std::string help;
};

/// What an adapter's table says of itself, checked.
struct AdapterDescription {
  std::string title;
  std::map<std::string, AdapterSetting> settings;
  std::string url;  ///< of the server, unless settings.url says otherwise; may be empty
  VendorAuth auth;
  int per_second = 0;  ///< 0: no limit
  int per_hour = 0;
  int concurrency = 8;
  bool has_logs = false;
};

/// The adapter API that this engine speaks.
inline constexpr std::int64_t kAdapterApi = 1;
/// The setting that every adapter has: another base URL.
inline constexpr std::string_view kUrlSetting = "url";

/// Reads the table: its data and the names of its functions. Invalid with the place in the table of
/// what is wrong.
Result<AdapterDescription> read_adapter(const Value& table,
                                        const std::vector<std::string>& functions);

/// The settings of a Provider resource as the script sees them: checked, in the description's
/// types, defaults filled in. `given` is a map of texts, or null.
Result<Value> read_settings(const AdapterDescription& adapter, const Value* given);

}  // namespace croft::script
