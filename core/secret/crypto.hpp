#pragma once
// Room core/secret: what keeps secrets unreadable where everybody may look.
//
//   crypto            the primitives, each from OpenSSL; nothing here invents one
//   bech32, age       files that `age` encrypts (https://age-encryption.org/v1), opened
//   sops              files that SOPS encrypts to age recipients, opened and checked whole
//   seal              one value sealed to the server's public key, for one place only (HPKE)
//   jwt               tokens that a private key signs, for the APIs that want them
//   keyring           the server's private keys: files, rotation, fingerprints

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace croft::secret {

inline constexpr std::size_t kKeySize = 32;
inline constexpr std::size_t kTagSize = 16;

/// Overwrites what a text holds, also past its size, and empties it.
void wipe(std::string& text);

/// 32 bytes that are overwritten when they go.
class KeyBytes {
 public:
  KeyBytes() = default;
  /// Of exactly 32 bytes; a shorter text leaves the rest zero.
  explicit KeyBytes(std::string_view bytes);
  KeyBytes(const KeyBytes&) = default;
  KeyBytes& operator=(const KeyBytes&) = default;
  ~KeyBytes();
  std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

 private:
  std::array<char, kKeySize> bytes_{};
};

/// From the kernel, by OpenSSL's generator. Throws std::runtime_error if there are none: nothing
/// can go on without.
std::string random_bytes(std::size_t count);

// X25519 (RFC 7748).
std::string x25519_public(std::string_view private_key);
/// Nothing if the result would be all zero: the other side's point is of low order.
std::optional<std::string> x25519(std::string_view private_key, std::string_view public_key);

std::string hmac_sha256(std::string_view key, std::string_view data);
/// RFC 5869 with SHA-256; the two halves by themselves are what HPKE needs.
std::string hkdf_extract(std::string_view salt, std::string_view input);
std::string hkdf_expand(std::string_view key, std::string_view info, std::size_t size);
std::string hkdf(std::string_view input, std::string_view salt, std::string_view info,
                 std::size_t size);

// Authenticated encryption. Sealed texts end with their tag of 16 bytes; opening gives nothing if
// the key, the nonce or the additional data is another, or a bit was changed.
std::string chacha_seal(std::string_view key, std::string_view nonce, std::string_view additional,
                        std::string_view clear);
std::optional<std::string> chacha_open(std::string_view key, std::string_view nonce,
                                       std::string_view additional, std::string_view sealed);
/// AES-256-GCM with a nonce of 1 to 64 bytes: SOPS uses 32.
std::optional<std::string> gcm_open(std::string_view key, std::string_view nonce,
                                    std::string_view additional, std::string_view sealed);

std::string sha512(std::string_view data);

/// RFC 4648 without padding, refusing anything that is not the one way to write the bytes.
std::string to_base64_bare(std::string_view bytes);
std::optional<std::string> from_base64_bare(std::string_view text);

}  // namespace croft::secret
