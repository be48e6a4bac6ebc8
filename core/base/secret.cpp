#include "core/base/secret.hpp"

#include <map>

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

/// With how many remember it.
using Texts = std::map<std::string, std::size_t, LongestFirst>;

Guarded<Texts>& remembered() {
  static Guarded<Texts> secrets;
  return secrets;
}

}  // namespace

void remember_secret(const Secret<std::string>& secret) {
  if (secret.reveal().size() < 4) return;
  remembered().with([&](Texts& secrets) { ++secrets[secret.reveal()]; });
}

RememberedSecret::RememberedSecret(const Secret<std::string>& secret) : secret_(secret) {
  remember_secret(secret_);
}

RememberedSecret::~RememberedSecret() {
  remembered().with([&](Texts& secrets) {
    const auto text = secrets.find(secret_.reveal());
    if (text != secrets.end() && --text->second == 0) secrets.erase(text);
  });
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
    for (const auto& [secret, count] : secrets) {
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
