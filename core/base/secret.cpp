#include "core/base/secret.hpp"

#include <set>

#include <fmt/format.h>

#include "core/base/guarded.hpp"

namespace croft {

namespace {

// Longest first, so that a secret that contains another is hidden whole.
struct LongestFirst {
  bool operator()(const std::string& a, const std::string& b) const {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  }
};

Guarded<std::set<std::string, LongestFirst>>& remembered() {
  static Guarded<std::set<std::string, LongestFirst>> secrets;
  return secrets;
}

}  // namespace

void remember_secret(const Secret<std::string>& secret) {
  if (secret.reveal().size() < 4) return;
  remembered().with([&](auto& secrets) { secrets.insert(secret.reveal()); });
}

Result<Secret<std::string>> secret_line(std::string text, std::string_view name) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  if (text.empty()) return fail(ErrorCode::Invalid, fmt::format("the secret '{}' is empty", name));
  Secret<std::string> secret(std::move(text));
  remember_secret(secret);
  return secret;
}

std::string redact(std::string_view text) {
  std::string clean(text);
  remembered().with([&](const auto& secrets) {
    for (const std::string& secret : secrets) {
      for (std::size_t at = clean.find(secret); at != std::string::npos;
           at = clean.find(secret, at)) {
        clean.replace(at, secret.size(), kRedacted);
        at += kRedacted.size();
      }
    }
  });
  return clean;
}

}  // namespace croft
