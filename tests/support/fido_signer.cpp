#include "tests/support/fido_signer.hpp"

#include <array>
#include <stdexcept>

#include <openssl/evp.h>

#include "core/base/base64.hpp"

namespace croft {

namespace {

constexpr const char* kType = "sk-ssh-ed25519@openssh.com";

void check(int code) {
  if (code != 1) throw std::runtime_error("OpenSSL refused");
}

std::string number(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>((value >> shift) & 0xFFU);
  return bytes;
}

/// A string of the SSH protocol.
std::string field(const std::string& bytes) {
  return number(static_cast<std::uint32_t>(bytes.size())) + bytes;
}

std::string digest(const EVP_MD* kind, const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int size = 0;
  check(EVP_Digest(text.data(), text.size(), bytes.data(), &size, kind, nullptr));
  return {reinterpret_cast<const char*>(bytes.data()), size};
}

std::string armoured(const std::string& bytes) {
  const std::string coded = to_base64(bytes);
  std::string text = "-----BEGIN SSH SIGNATURE-----\n";
  for (std::size_t at = 0; at < coded.size(); at += 70) text += coded.substr(at, 70) + "\n";
  return text + "-----END SSH SIGNATURE-----\n";
}

}  // namespace

struct FidoSigner::Key {
  EVP_PKEY* pair = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  ~Key() { EVP_PKEY_free(pair); }
};

FidoSigner::FidoSigner() : key_(std::make_unique<Key>()) {
  if (key_->pair == nullptr) throw std::runtime_error("OpenSSL makes no key");
}

FidoSigner::~FidoSigner() = default;

std::string FidoSigner::key_blob() const {
  std::array<unsigned char, 32> bytes{};
  std::size_t size = bytes.size();
  check(EVP_PKEY_get_raw_public_key(key_->pair, bytes.data(), &size));
  return field(kType) + field({reinterpret_cast<const char*>(bytes.data()), size}) + field("ssh:");
}

std::string FidoSigner::public_key(const std::string& comment) const {
  return std::string(kType) + " " + to_base64(key_blob()) + " " + comment;
}

std::string FidoSigner::sign(const std::string& text, const Assertion& signed_over,
                             const Assertion& shown) const {
  const std::string about = field("git") + field("") + field("sha512");
  const std::string message = "SSHSIG" + about + field(digest(EVP_sha512(), text));
  const std::string input = digest(EVP_sha256(), signed_over.application) +
                            static_cast<char>(signed_over.flags) + number(signed_over.counter) +
                            digest(EVP_sha256(), message);
  std::array<unsigned char, 64> signature{};
  std::size_t size = signature.size();
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  check(EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key_->pair));
  check(EVP_DigestSign(context, signature.data(), &size,
                       reinterpret_cast<const unsigned char*>(input.data()), input.size()));
  EVP_MD_CTX_free(context);
  const std::string blob = field(kType) +
                           field({reinterpret_cast<const char*>(signature.data()), size}) +
                           static_cast<char>(shown.flags) + number(shown.counter);
  return armoured("SSHSIG" + number(1) + field(key_blob()) + about + field(blob));
}

}  // namespace croft
