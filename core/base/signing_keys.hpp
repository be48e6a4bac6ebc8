#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace croft {

/// Whose signatures count, as people write it.
struct SigningKeys {
  std::vector<std::string> ssh;  ///< each a line that parse_allowed_signer takes
  std::vector<std::string> gpg;  ///< each a text that dearmor_public_keys takes

  bool operator==(const SigningKeys&) const = default;
};

/// One line of OpenSSH's allowed signers (ssh-keygen(1), ALLOWED SIGNERS).
struct AllowedSigner {
  std::string principals;  ///< as written: comma-separated patterns, quoted if they hold spaces
  std::string options;     ///< as written, or empty
  std::string key;         ///< type and base64, without comment

  std::string line() const;
};

/// Reads a line of an allowed signers file, or a bare public key, of which the comment then is the
/// principal. Invalid, as a message that goes on from a field's path, for what ssh-keygen would not
/// take, for keys that hold no promise any more (DSA), for namespaces without "git", and for
/// private keys, which are not repeated.
Result<AllowedSigner> parse_allowed_signer(std::string_view line);

/// The binary form of armoured OpenPGP public keys (RFC 4880 section 6.2), one block after the
/// other. Invalid, as a message that goes on from a field's path, for anything else, and for
/// private keys.
Result<std::string> dearmor_public_keys(std::string_view text);

}  // namespace croft
