#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace croft {

/// What `{secret: TEXT}` says: the Secret (for the operator also a file of `secrets.dir`), and
/// which of its values.
struct SecretName {
  std::string name;
  std::string key;  ///< empty: the only one, else the one called `value`
};

inline constexpr std::string_view kDefaultSecretKey = "value";

/// "api-token", "tls/key".
SecretName parse_secret_name(std::string_view text);
/// Why a text names none, or nothing if it does.
std::optional<std::string> secret_name_problem(std::string_view text);
/// Whether it can be the name of one value of a Secret.
bool is_secret_key(std::string_view text);

}  // namespace croft
