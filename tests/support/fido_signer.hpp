#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace croft {

/// A security key in software: signs as OpenSSH's `sk-ssh-ed25519` keys do (PROTOCOL.u2f and
/// PROTOCOL.sshsig of OpenSSH), so that no device is needed. Throws std::runtime_error if OpenSSL
/// refuses.
class FidoSigner {
 public:
  FidoSigner();
  ~FidoSigner();
  FidoSigner(const FidoSigner&) = delete;
  FidoSigner& operator=(const FidoSigner&) = delete;

  /// What the device says beside the signature.
  struct Assertion {
    std::string application = "ssh:";  ///< whom it signs for
    unsigned char flags = 0x01;        ///< somebody touched it
    std::uint32_t counter = 7;
  };

  /// "sk-ssh-ed25519@openssh.com AAAA... COMMENT".
  std::string public_key(const std::string& comment) const;
  /// The armoured signature over a text for git. `shown` is what it says of the assertion, where
  /// that is another one than was signed.
  std::string sign(const std::string& text, const Assertion& signed_over,
                   const Assertion& shown) const;
  std::string sign(const std::string& text) const { return sign(text, {}, {}); }

 private:
  struct Key;
  std::string key_blob() const;
  std::unique_ptr<Key> key_;
};

}  // namespace croft
