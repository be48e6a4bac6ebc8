#include "core/secret/jwt.hpp"

#include <memory>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "core/base/base64.hpp"
#include "core/base/json.hpp"

namespace croft::secret {

namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* handle) const {
    Free(handle);
  }
};

using Bio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;

constexpr int kFewestBits = 2048;

/// RFC 7515 section 2.
std::string to_base64url(std::string_view bytes) {
  std::string text = to_base64(bytes);
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

/// Nobody is asked for a passphrase.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*rwflag*/, void* /*data*/) { return -1; }

Result<Key> read_key(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  if (!key || EVP_PKEY_base_id(key.get()) != EVP_PKEY_RSA ||
      EVP_PKEY_bits(key.get()) < kFewestBits) {
    return fail(Error(ErrorCode::Invalid, "it is no RSA private key of 2048 bits or more")
                    .with_hint("it begins with -----BEGIN RSA PRIVATE KEY----- or -----BEGIN "
                               "PRIVATE KEY-----, and has no passphrase"));
  }
  return key;
}

Result<std::string> sign(const Key& key, std::string_view text) {
  const Digest digest(EVP_MD_CTX_new());
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = 0;
  std::string signature;
  bool is_done = EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
                 EVP_DigestSign(digest.get(), nullptr, &size, bytes, text.size()) == 1;
  if (is_done) {
    signature.resize(size);
    is_done = EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()),
                             &size, bytes, text.size()) == 1;
    signature.resize(size);
  }
  ERR_clear_error();
  if (!is_done) return fail(ErrorCode::Invalid, "the key cannot sign");
  return signature;
}

}  // namespace

Result<Secret<std::string>> sign_rs256(const Secret<std::string>& pem, const Value& claims) {
  TRY_ASSIGN(const Key key, read_key(pem.reveal()));
  const std::string text =
      to_base64url(R"({"alg":"RS256","typ":"JWT"})") + "." + to_base64url(to_json(claims));
  TRY_ASSIGN(const std::string signature, sign(key, text));
  return Secret<std::string>(text + "." + to_base64url(signature));
}

}  // namespace croft::secret
