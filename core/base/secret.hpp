#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "core/base/result.hpp"

namespace croft {

/// A value that no log, error, diff or JSON can show: it has no stream operator, no formatter and
/// no comparison. Its only way out is reveal(), which is easy to search for.
template <typename T>
class Secret {
 public:
  Secret() = default;
  explicit Secret(T value) : value_(std::move(value)) {}
  const T& reveal() const { return value_; }

 private:
  T value_{};
};

/// What stands in the place of a secret.
inline constexpr std::string_view kRedacted = "[redacted]";

/// Remembers a secret's text so that redact() hides it wherever it turns up. Texts under 4 bytes
/// are not remembered. Thread safe; for the life of the process.
void remember_secret(const Secret<std::string>& secret);

/// Remembers a secret for as long as this lives: one that is replaced now and then (a token for an
/// hour) would stay for ever otherwise. Another one of the same text keeps it hidden.
class RememberedSecret {
 public:
  explicit RememberedSecret(const Secret<std::string>& secret);
  ~RememberedSecret();
  RememberedSecret(const RememberedSecret&) = delete;
  RememberedSecret& operator=(const RememberedSecret&) = delete;

 private:
  Secret<std::string> secret_;
};

/// A secret that is one line (a token, a key of a hook), without the newline at its end, and
/// remembered. Invalid if nothing is left; `name` is for the error.
Result<Secret<std::string>> secret_line(std::string text, std::string_view name);

/// The text with every remembered secret replaced by kRedacted. Thread safe.
std::string redact(std::string_view text);

}  // namespace croft
