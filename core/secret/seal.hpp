#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "core/secret/age.hpp"

namespace croft::secret {

// One value, sealed to a server's public key: "sealed:v1:...". HPKE in its base mode (RFC 9180:
// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305), one message a context. The place
// that the value is for is authenticated with it, so that it opens nowhere else.

/// The only place where a sealed value opens.
struct SealScope {
  std::string tenant;  ///< empty: the operator's own
  std::string name;    ///< of the Secret
  std::string key;     ///< of the value in it
};

inline constexpr std::string_view kSealed = "sealed:v1:";

/// A server's public key, 32 bytes, as people pass it on: "croft-seal-1...".
std::string seal_key_text(std::string_view public_bytes);
Result<std::string> parse_seal_key(std::string_view text);
/// What names a key in a sealed value and in messages: 8 hexadecimal digits.
std::string seal_key_id(std::string_view public_bytes);

std::string seal(std::string_view public_bytes, const SealScope& scope, std::string_view clear);

/// Nothing if it has the form of a sealed value; else what is wrong, never repeating it.
std::optional<Error> sealed_problem(std::string_view sealed);
/// The id of the key that a sealed value is for; empty if it is none.
std::string seal_key_of(std::string_view sealed);

/// NotFound if none of the keys is the one it was sealed to; Denied if it was sealed for another
/// place, or was changed.
Result<Secret<std::string>> unseal(const std::vector<AgeIdentity>& keys, const SealScope& scope,
                                   std::string_view sealed);

/// RFC 9180's SealBase and OpenBase by themselves, for one message: "enc" and the sealed text in
/// one.
std::string hpke_seal(std::string_view public_bytes, std::string_view info,
                      std::string_view additional, std::string_view clear);
std::optional<std::string> hpke_open(const AgeIdentity& key, std::string_view info,
                                     std::string_view additional, std::string_view sealed);

}  // namespace croft::secret
