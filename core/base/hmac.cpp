#include "core/base/hmac.hpp"

#include <array>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "core/base/hex.hpp"

namespace croft {

std::string hmac_sha256(std::string_view key, std::string_view data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(data.data()), data.size(), digest.data(), &size);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string hmac_sha256_hex(std::string_view key, std::string_view data) {
  const std::string digest = hmac_sha256(key, data);
  return to_hex({reinterpret_cast<const unsigned char*>(digest.data()), digest.size()});
}

}  // namespace croft
