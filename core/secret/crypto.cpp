#include "core/secret/crypto.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "core/base/base64.hpp"

namespace croft::secret {

namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

constexpr std::size_t kHashSize = 32;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());  // NOLINT
}
unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());  // NOLINT
}

/// Only out of memory, or an OpenSSL without what every OpenSSL 3 has.
void require(bool is_good) {
  if (!is_good) throw std::runtime_error("OpenSSL cannot do what every build of it can");
}

struct Aead {
  const EVP_CIPHER* cipher;
  std::string_view key;
  std::string_view nonce;
  std::string_view additional;
};

Cipher begin(const Aead& aead, bool is_sealing) {
  Cipher context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  const int direction = is_sealing ? 1 : 0;
  require(context &&
          EVP_CipherInit_ex(context.get(), aead.cipher, nullptr, nullptr, nullptr, direction) == 1);
  require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_IVLEN,
                              static_cast<int>(aead.nonce.size()), nullptr) == 1);
  require(EVP_CipherInit_ex(context.get(), nullptr, nullptr, bytes_of(aead.key),
                            bytes_of(aead.nonce), direction) == 1);
  int count = 0;
  require(EVP_CipherUpdate(context.get(), nullptr, &count, bytes_of(aead.additional),
                           static_cast<int>(aead.additional.size())) == 1);
  return context;
}

std::string run(EVP_CIPHER_CTX* context, std::string_view input) {
  std::string output(input.size(), '\0');
  int count = 0;
  require(EVP_CipherUpdate(context, bytes_of(output), &count, bytes_of(input),
                           static_cast<int>(input.size())) == 1);
  return output;
}

std::string seal(const Aead& aead, std::string_view clear) {
  const Cipher context = begin(aead, true);
  std::string sealed = run(context.get(), clear);
  std::string tag(kTagSize, '\0');
  int count = 0;
  require(EVP_CipherFinal_ex(context.get(), nullptr, &count) == 1);
  require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, tag.data()) == 1);
  return sealed + tag;
}

std::optional<std::string> open(const Aead& aead, std::string_view sealed) {
  constexpr std::size_t kLongestNonce = 64;
  const bool is_possible = aead.key.size() == kKeySize && !aead.nonce.empty() &&
                           aead.nonce.size() <= kLongestNonce && sealed.size() >= kTagSize;
  if (!is_possible) return std::nullopt;
  const Cipher context = begin(aead, false);
  std::string tag(sealed.substr(sealed.size() - kTagSize));
  require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) == 1);
  std::string clear = run(context.get(), sealed.substr(0, sealed.size() - kTagSize));
  int count = 0;
  if (EVP_CipherFinal_ex(context.get(), nullptr, &count) == 1) return clear;
  wipe(clear);
  return std::nullopt;
}

}  // namespace

void wipe(std::string& text) {
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

KeyBytes::KeyBytes(std::string_view bytes) {
  std::ranges::copy(bytes.substr(0, kKeySize), bytes_.begin());
}

KeyBytes::~KeyBytes() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(bytes_of(bytes), static_cast<int>(count)) != 1)
    throw std::runtime_error("no random bytes can be had");
  return bytes;
}

std::string x25519_public(std::string_view private_key) {
  const Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, bytes_of(private_key),
                                             private_key.size()),
                EVP_PKEY_free);
  std::string made(kKeySize, '\0');
  std::size_t size = made.size();
  require(key && EVP_PKEY_get_raw_public_key(key.get(), bytes_of(made), &size) == 1);
  return made;
}

std::optional<std::string> x25519(std::string_view private_key, std::string_view public_key) {
  if (private_key.size() != kKeySize || public_key.size() != kKeySize) return std::nullopt;
  const Key mine(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, bytes_of(private_key),
                                              private_key.size()),
                 EVP_PKEY_free);
  const Key theirs(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, bytes_of(public_key),
                                               public_key.size()),
                   EVP_PKEY_free);
  require(mine && theirs);
  const KeyContext context(EVP_PKEY_CTX_new(mine.get(), nullptr), EVP_PKEY_CTX_free);
  require(context && EVP_PKEY_derive_init(context.get()) == 1);
  std::string shared(kKeySize, '\0');
  std::size_t size = shared.size();
  // Refused by OpenSSL itself where the result is all zero.
  const bool is_good = EVP_PKEY_derive_set_peer(context.get(), theirs.get()) == 1 &&
                       EVP_PKEY_derive(context.get(), bytes_of(shared), &size) == 1 &&
                       size == kKeySize;
  const bool is_zero = std::ranges::all_of(shared, [](char c) { return c == '\0'; });
  if (!is_good || is_zero) return std::nullopt;
  return shared;
}

std::string hmac_sha256(std::string_view key, std::string_view data) {
  std::string mac(kHashSize, '\0');
  unsigned size = 0;
  require(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(data), data.size(),
               bytes_of(mac), &size) != nullptr);
  return mac;
}

std::string hkdf_extract(std::string_view salt, std::string_view input) {
  static constexpr std::array<char, kHashSize> kNoSalt{};
  return hmac_sha256(salt.empty() ? std::string_view(kNoSalt.data(), kNoSalt.size()) : salt, input);
}

std::string hkdf_expand(std::string_view key, std::string_view info, std::size_t size) {
  std::string output;
  std::string block;
  for (char counter = 1; output.size() < size; ++counter) {
    block.append(info);
    block.push_back(counter);
    block = hmac_sha256(key, block);
    output += block;
  }
  output.resize(size);
  return output;
}

std::string hkdf(std::string_view input, std::string_view salt, std::string_view info,
                 std::size_t size) {
  return hkdf_expand(hkdf_extract(salt, input), info, size);
}

std::string chacha_seal(std::string_view key, std::string_view nonce, std::string_view additional,
                        std::string_view clear) {
  return seal({EVP_chacha20_poly1305(), key, nonce, additional}, clear);
}

std::optional<std::string> chacha_open(std::string_view key, std::string_view nonce,
                                       std::string_view additional, std::string_view sealed) {
  return open({EVP_chacha20_poly1305(), key, nonce, additional}, sealed);
}

std::optional<std::string> gcm_open(std::string_view key, std::string_view nonce,
                                    std::string_view additional, std::string_view sealed) {
  return open({EVP_aes_256_gcm(), key, nonce, additional}, sealed);
}

std::string sha512(std::string_view data) {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  require(EVP_Digest(data.data(), data.size(), bytes_of(digest), &size, EVP_sha512(), nullptr) ==
          1);
  digest.resize(size);
  return digest;
}

std::string to_base64_bare(std::string_view bytes) {
  std::string text = to_base64(bytes);
  while (text.ends_with('=')) text.pop_back();
  return text;
}

std::optional<std::string> from_base64_bare(std::string_view text) {
  if (text.find('=') != std::string_view::npos || text.size() % 4 == 1) return std::nullopt;
  std::string padded(text);
  while (padded.size() % 4 != 0) padded += '=';
  auto bytes = from_base64(padded);
  // What is not written the one way that its bytes are is refused.
  if (!bytes || to_base64_bare(*bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace croft::secret
