#include "core/secret/seal.hpp"

#include <fmt/format.h>

#include "core/base/base64.hpp"
#include "core/base/hex.hpp"
#include "core/secret/bech32.hpp"

namespace croft::secret {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kKeyPrefix = "croft-seal-";
constexpr std::string_view kInfo = "croft sealed value v1";
constexpr std::size_t kIdSize = 4;
constexpr std::size_t kNonceSize = 12;

// Identifiers of RFC 9180, section 7.
constexpr std::string_view kKemSuite = "KEM\x00\x20"sv;
constexpr std::string_view kSuite = "HPKE\x00\x20\x00\x01\x00\x03"sv;

std::string labeled_extract(std::string_view suite, std::string_view salt, std::string_view label,
                            std::string_view input) {
  std::string text("HPKE-v1");
  text.append(suite).append(label).append(input);
  return hkdf_extract(salt, text);
}

std::string labeled_expand(std::string_view suite, std::string_view key, std::string_view label,
                           std::string_view info, std::size_t size) {
  std::string text;
  text += static_cast<char>(size >> 8U);
  text += static_cast<char>(size & 255U);
  text.append("HPKE-v1").append(suite).append(label).append(info);
  return hkdf_expand(key, text, size);
}

struct Context {
  KeyBytes key;
  std::string nonce;
};

/// Of a Diffie-Hellman result, the key of the one message that is sealed with it.
Context schedule(std::string_view shared, std::string_view enc, std::string_view recipient,
                 std::string_view info) {
  const std::string prk = labeled_extract(kKemSuite, "", "eae_prk", shared);
  const std::string secret = labeled_expand(kKemSuite, prk, "shared_secret",
                                            std::string(enc) + std::string(recipient), kKeySize);
  std::string context(1, '\0');  // mode_base
  context += labeled_extract(kSuite, "", "psk_id_hash", "");
  context += labeled_extract(kSuite, "", "info_hash", info);
  const std::string base = labeled_extract(kSuite, secret, "secret", "");
  return {KeyBytes(labeled_expand(kSuite, base, "key", context, kKeySize)),
          labeled_expand(kSuite, base, "base_nonce", context, kNonceSize)};
}

/// Names hold no NUL, so that two places never read the same.
std::string additional_of(const SealScope& scope) {
  std::string text = scope.tenant;
  text += '\0';
  text += scope.name;
  text += '\0';
  return text += scope.key;
}

struct Parsed {
  std::string id;
  std::string sealed;
};

std::optional<Parsed> parse(std::string_view text) {
  if (!text.starts_with(kSealed)) return std::nullopt;
  const auto bytes = from_base64(text.substr(kSealed.size()));
  if (!bytes || bytes->size() < kIdSize + kKeySize + kTagSize) return std::nullopt;
  return Parsed{bytes->substr(0, kIdSize), bytes->substr(kIdSize)};
}

std::string hex_of(std::string_view bytes) {
  return to_hex(std::span(reinterpret_cast<const unsigned char*>(bytes.data()),  // NOLINT
                          bytes.size()));
}

std::string id_bytes(std::string_view public_bytes) {
  return hmac_sha256("croft seal key id", public_bytes).substr(0, kIdSize);
}

}  // namespace

std::string seal_key_text(std::string_view public_bytes) {
  return to_bech32(kKeyPrefix, public_bytes);
}

Result<std::string> parse_seal_key(std::string_view text) {
  auto read = from_bech32(text);
  if (!read || read->prefix != kKeyPrefix || read->bytes.size() != kKeySize)
    return fail(Error(ErrorCode::Invalid, "this is no sealing key of Croft")
                    .with_hint("it begins with croft-seal-1, and `croft secret key` prints it"));
  return std::move(read->bytes);
}

std::string seal_key_id(std::string_view public_bytes) { return hex_of(id_bytes(public_bytes)); }

std::string hpke_seal(std::string_view public_bytes, std::string_view info,
                      std::string_view additional, std::string_view clear) {
  const AgeIdentity once = AgeIdentity::generate();
  auto shared = x25519(once.bytes().view(), public_bytes);
  // A public key of low order is nobody's: what is sealed to it opens nowhere.
  if (!shared) shared = random_bytes(kKeySize);
  const Context context = schedule(*shared, once.public_bytes(), public_bytes, info);
  wipe(*shared);
  return once.public_bytes() + chacha_seal(context.key.view(), context.nonce, additional, clear);
}

std::optional<std::string> hpke_open(const AgeIdentity& key, std::string_view info,
                                     std::string_view additional, std::string_view sealed) {
  if (sealed.size() < kKeySize + kTagSize) return std::nullopt;
  const std::string_view enc = sealed.substr(0, kKeySize);
  auto shared = x25519(key.bytes().view(), enc);
  if (!shared) return std::nullopt;
  const Context context = schedule(*shared, enc, key.public_bytes(), info);
  wipe(*shared);
  return chacha_open(context.key.view(), context.nonce, additional, sealed.substr(kKeySize));
}

std::string seal(std::string_view public_bytes, const SealScope& scope, std::string_view clear) {
  std::string text(kSealed);
  return text += to_base64(id_bytes(public_bytes) +
                           hpke_seal(public_bytes, kInfo, additional_of(scope), clear));
}

std::optional<Error> sealed_problem(std::string_view sealed) {
  if (parse(sealed)) return std::nullopt;
  return Error(ErrorCode::Invalid, sealed.starts_with(kSealed)
                                       ? "is a sealed value that was cut off or mistyped"
                                       : "is not sealed, and everybody who can read the "
                                         "repository knows it now");
}

std::string seal_key_of(std::string_view sealed) {
  const auto parsed = parse(sealed);
  return parsed ? hex_of(parsed->id) : std::string();
}

Result<Secret<std::string>> unseal(const std::vector<AgeIdentity>& keys, const SealScope& scope,
                                   std::string_view sealed) {
  const auto parsed = parse(sealed);
  if (!parsed) return fail(*sealed_problem(sealed));
  bool is_ours = false;
  for (const AgeIdentity& key : keys) {
    if (id_bytes(key.public_bytes()) != parsed->id) continue;
    is_ours = true;
    auto clear = hpke_open(key, kInfo, additional_of(scope), parsed->sealed);
    if (clear) return Secret(std::move(*clear));
  }
  if (!is_ours) {
    return fail(Error(ErrorCode::NotFound,
                      fmt::format("is sealed to the key {}, which this server does not have",
                                  hex_of(parsed->id)))
                    .with_hint("seal it again with the key that `croft secret key` prints"));
  }
  return fail(Error(ErrorCode::Denied,
                    fmt::format("was sealed for another place than {}{}/{}, or was changed",
                                scope.tenant.empty() ? "the operator's " : scope.tenant + "'s ",
                                scope.name, scope.key))
                  .with_hint("a sealed value opens only for the tenant, the Secret and the key "
                             "that it was made for; seal it again"));
}

}  // namespace croft::secret
