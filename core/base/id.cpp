#include "core/base/id.hpp"

#include <cerrno>
#include <sys/random.h>
#include <system_error>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "core/base/hex.hpp"

namespace croft {

std::string RandomSource::id() {
  // Crockford's base 32: no letters that are mistaken for one another.
  constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
  std::string text;
  for (const std::uint8_t byte : bytes()) {
    text += kAlphabet[byte % kAlphabet.size()];
    if (text.size() == 26) break;
  }
  return text;
}

std::array<std::uint8_t, 32> SystemRandom::bytes() {
  std::array<std::uint8_t, 32> buffer{};
  // Requests of up to 256 bytes are never cut short once the pool is initialised (getrandom(2)).
  while (getrandom(buffer.data(), buffer.size(), 0) != static_cast<ssize_t>(buffer.size())) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "getrandom");
  }
  return buffer;
}

std::string sha256_hex(std::string_view data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(data.data(), data.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return to_hex({digest.data(), size});
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace croft
