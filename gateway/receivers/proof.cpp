#include "gateway/receivers/proof.hpp"

#include <algorithm>
#include <charconv>
#include <span>

#include "core/base/base64.hpp"
#include "core/base/hex.hpp"
#include "core/base/hmac.hpp"
#include "core/base/id.hpp"

namespace croft {

namespace {

constexpr std::string_view kSigningToken = "whsec_";

std::string_view header(const HttpHeaders& headers, std::string_view name) {
  const std::string* value = headers.find(name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

/// Digests are compared, so that not even the length of the secret shows in the time it takes.
bool is_secret(std::string_view given, const Secret<std::string>& secret) {
  return equal_constant_time(sha256_hex(given), sha256_hex(secret.reveal()));
}

/// `given` is PREFIX and the body's HMAC in hexadecimal of either case.
bool has_signed_body(std::string_view given, std::string_view prefix, std::string_view body,
                     const Secret<std::string>& secret) {
  if (!given.starts_with(prefix)) return false;
  std::string digits(given.substr(prefix.size()));
  std::ranges::transform(digits, digits.begin(),
                         [](char c) { return c >= 'A' && c <= 'F' ? char(c + ('a' - 'A')) : c; });
  return equal_constant_time(digits, hmac_sha256_hex(secret.reveal(), body));
}

bool is_near(std::string_view seconds, Timestamp now) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(seconds.data(), seconds.data() + seconds.size(), value);
  // Bounded before it is multiplied: a stranger wrote it.
  if (error != std::errc() || end != seconds.data() + seconds.size() || value < 0 ||
      value > 253'402'300'799) {
    return false;
  }
  const Duration distance = now - Timestamp(Duration(value * 1000));
  return distance <= kProofTolerance && distance >= -kProofTolerance;
}

/// https://www.standardwebhooks.com: any of the signatures, which a rotation makes two.
bool has_standard_signature(const HttpHeaders& headers, std::string_view body,
                            const Secret<std::string>& secret, Timestamp now) {
  const std::string_view id = header(headers, "webhook-id");
  const std::string_view time = header(headers, "webhook-timestamp");
  std::string_view signatures = header(headers, "webhook-signature");
  const auto key = from_base64(std::string_view(secret.reveal()).substr(kSigningToken.size()));
  if (!key || key->empty() || id.empty() || !is_near(time, now)) return false;
  std::string text(id);
  text.append(".").append(time).append(".").append(body);
  const std::string expected = hmac_sha256_hex(*key, text);
  bool is_any = false;
  while (!signatures.empty()) {
    const std::string_view one = signatures.substr(0, signatures.find(' '));
    signatures.remove_prefix(std::min(signatures.size(), one.size() + 1));
    if (!one.starts_with("v1,")) continue;
    const auto bytes = from_base64(one.substr(3));
    if (!bytes) continue;
    const std::span digits(reinterpret_cast<const unsigned char*>(bytes->data()), bytes->size());
    is_any |= equal_constant_time(to_hex(digits), expected);
  }
  return is_any;
}

bool is_proven_by_gitlab(const HttpHeaders& headers, std::string_view body,
                         const Secret<std::string>& secret, Timestamp now) {
  // A hook with a signing token is never satisfied with less.
  if (secret.reveal().starts_with(kSigningToken))
    return has_standard_signature(headers, body, secret, now);
  return is_secret(header(headers, "X-Gitlab-Token"), secret);
}

bool is_proven_by_forgejo(const HttpHeaders& headers, std::string_view body,
                          const Secret<std::string>& secret) {
  const std::string_view own = header(headers, "X-Forgejo-Signature");
  return has_signed_body(own.empty() ? header(headers, "X-Gitea-Signature") : own, "", body,
                         secret);
}

}  // namespace

bool is_proven(HookType type, const HttpHeaders& headers, std::string_view body,
               const Secret<std::string>& secret, Timestamp now) {
  if (secret.reveal().empty()) return false;
  switch (type) {
    case HookType::GitHub:
      return has_signed_body(header(headers, "X-Hub-Signature-256"), "sha256=", body, secret);
    case HookType::GitLab:
      return is_proven_by_gitlab(headers, body, secret, now);
    case HookType::Gitea:
      return has_signed_body(header(headers, "X-Gitea-Signature"), "", body, secret);
    case HookType::Forgejo:
      return is_proven_by_forgejo(headers, body, secret);
    case HookType::Bitbucket:
      return has_signed_body(header(headers, "X-Hub-Signature"), "sha256=", body, secret);
    case HookType::Hmac:
      return has_signed_body(header(headers, "X-Signature"), "sha256=", body, secret);
    case HookType::Token: {
      constexpr std::string_view kBearer = "Bearer ";
      const std::string_view given = header(headers, "Authorization");
      return given.starts_with(kBearer) && is_secret(given.substr(kBearer.size()), secret);
    }
  }
  return false;
}

std::string delivery_id(HookType type, const HttpHeaders& headers) {
  const auto first = [&](std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
      if (const std::string_view value = header(headers, name); !value.empty())
        return std::string(value);
    }
    return std::string();
  };
  switch (type) {
    case HookType::GitHub:
      return first({"X-GitHub-Delivery"});
    case HookType::GitLab:
      return first({"webhook-id", "Idempotency-Key", "X-Gitlab-Event-UUID"});
    case HookType::Gitea:
      return first({"X-Gitea-Delivery"});
    case HookType::Forgejo:
      return first({"X-Forgejo-Delivery", "X-Gitea-Delivery"});
    case HookType::Bitbucket:
      return first({"X-Request-UUID"});
    case HookType::Hmac:
    case HookType::Token:
      return first({"X-Delivery", "Idempotency-Key"});
  }
  return "";
}

}  // namespace croft
