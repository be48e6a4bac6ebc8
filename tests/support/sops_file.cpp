#include "tests/support/sops_file.hpp"

#include <stdexcept>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "core/base/base64.hpp"
#include "core/base/hex.hpp"
#include "core/secret/age.hpp"

namespace croft {

namespace {

constexpr const char* kTime = "2026-11-28T12:00:00Z";

const unsigned char* bytes_of(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// "ENC[AES256_GCM,...]" with a nonce of 32 bytes.
std::string encrypted(const std::string& clear, const std::string& key,
                      const std::string& authenticated) {
  const std::string nonce = secret::random_bytes(32);
  std::string data(clear.size(), '\0');
  std::string tag(secret::kTagSize, '\0');
  int count = 0;
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  const bool is_good =
      EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nullptr, nullptr, nullptr) == 1 &&
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, 32, nullptr) == 1 &&
      EVP_EncryptInit_ex(context, nullptr, nullptr, bytes_of(key), bytes_of(nonce)) == 1 &&
      EVP_EncryptUpdate(context, nullptr, &count, bytes_of(authenticated),
                        static_cast<int>(authenticated.size())) == 1 &&
      EVP_EncryptUpdate(context, reinterpret_cast<unsigned char*>(data.data()), &count,
                        bytes_of(clear), static_cast<int>(clear.size())) == 1 &&
      EVP_EncryptFinal_ex(context, nullptr, &count) == 1 &&
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, tag.data()) == 1;
  EVP_CIPHER_CTX_free(context);
  if (!is_good) throw std::runtime_error("OpenSSL does not encrypt");
  return fmt::format("ENC[AES256_GCM,data:{},iv:{},tag:{},type:str]", to_base64(data),
                     to_base64(nonce), to_base64(tag));
}

}  // namespace

std::string sops_file(const std::vector<std::pair<std::string, std::string>>& values,
                      const std::string& recipient, const std::string& before) {
  const std::string key = secret::random_bytes(32);
  std::string text;
  std::string all = before;
  for (const auto& [name, clear] : values) {
    text += fmt::format("{}: {}\n", name, encrypted(clear, key, name + ":"));
    all += clear;
  }
  const std::string digest = secret::sha512(all);
  std::string mac = to_hex(std::span(bytes_of(digest), digest.size()));
  for (char& c : mac) c = c >= 'a' ? static_cast<char>(c - 32) : c;
  text += fmt::format("sops:\n    age:\n        - recipient: {}\n          enc: |\n", recipient);
  const std::string wrapped =
      secret::encrypt_age(key, {secret::parse_age_recipient(recipient).value()});
  for (std::string_view rest = wrapped; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1))
    text += fmt::format("            {}\n", rest.substr(0, rest.find('\n')));
  text += fmt::format(
      "    lastmodified: \"{}\"\n    mac: {}\n    unencrypted_suffix: _unencrypted\n"
      "    version: 3.9.0\n",
      kTime, encrypted(mac, key, kTime));
  return text;
}

}  // namespace croft
