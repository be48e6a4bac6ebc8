#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "core/secret/crypto.hpp"

namespace croft::secret {

// The file format of age, version 1 (C2SP's specification age.md), with X25519 recipients. Files
// encrypted to passphrases or to post-quantum recipients only are refused with words that say so.

/// A private key: "AGE-SECRET-KEY-1...".
class AgeIdentity {
 public:
  /// Of 32 bytes.
  explicit AgeIdentity(KeyBytes bytes);
  static AgeIdentity generate();
  /// Invalid if the text is none; the text is not repeated.
  static Result<AgeIdentity> parse(std::string_view text);

  const KeyBytes& bytes() const { return bytes_; }
  const std::string& public_bytes() const { return public_; }
  /// "age1...", safe to show.
  std::string recipient() const;
  Secret<std::string> text() const;

 private:
  KeyBytes bytes_;
  std::string public_;
};

/// The 32 bytes of "age1...".
Result<std::string> parse_age_recipient(std::string_view text);

/// How far opening a file came.
enum class AgeVerdict {
  Good,
  ArmorFailure,    ///< it is no armor
  HeaderFailure,   ///< it is no age file, or one of a future version, or malformed
  NoMatch,         ///< it is for others
  MacFailure,      ///< its header was changed
  PayloadFailure,  ///< its content was changed or cut
};

struct AgeOpened {
  AgeVerdict verdict = AgeVerdict::HeaderFailure;
  std::string message;  ///< what is wrong, for people
  std::string payload;  ///< what was found genuine, to where the content was damaged
};

/// Opens a file, armored or not. For callers that want all or nothing: decrypt_age().
AgeOpened open_age(std::string_view file, const std::vector<AgeIdentity>& identities);

/// The content. Invalid, if the file is none or was damaged; NotFound if none of the identities
/// fits.
Result<Secret<std::string>> decrypt_age(std::string_view file,
                                        const std::vector<AgeIdentity>& identities);

/// An armored file for recipients, each of 32 bytes.
std::string encrypt_age(std::string_view content, const std::vector<std::string>& recipients);

}  // namespace croft::secret
