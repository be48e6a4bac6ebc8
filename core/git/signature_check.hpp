#pragma once
// Inside core/git only: asks OpenSSH's and GnuPG's own programs whether a signature is good.

#include <chrono>
#include <optional>
#include <string>

#include "core/base/files.hpp"
#include "core/base/signing_keys.hpp"
#include "core/base/units.hpp"
#include "core/git/signed_object.hpp"
#include "core/git/trust.hpp"

namespace croft::git {

/// What a signature is worth.
struct SignatureFinding {
  std::optional<Distrust> distrust;  ///< nothing: it is good, and by a key that counts
  std::string words;   ///< why not; "the key SHA256:... is not among those that may sign"
  std::string signer;  ///< who signed, if it is good: a principal, a fingerprint
};

/// The keys of one `verify`, in a directory of its own, where the programs read them. They run as
/// children with a deadline and bounds, know no secret, and read nothing of the user's. Blocks.
class SignatureCheck {
 public:
  /// Invalid: a key is none.
  static Result<SignatureCheck> prepare(const SigningKeys& keys);

  /// Without a time, keys must be valid now, by this machine's clock; with one they must have been
  /// valid then. Unavailable: a program is not installed, or did not come to an end.
  Result<SignatureFinding> check(const SignedObject& object, std::optional<Timestamp> at) const;

 private:
  SignatureCheck(TemporaryDirectory home, bool has_ssh, bool has_gpg)
      : home_(std::move(home)), has_ssh_(has_ssh), has_gpg_(has_gpg) {}
  Result<SignatureFinding> check_ssh(const SignedObject& object, std::optional<Timestamp> at) const;
  Result<SignatureFinding> explain_ssh(const SignedObject& object, const std::string& said) const;
  Result<SignatureFinding> check_gpg(const SignedObject& object, std::optional<Timestamp> at) const;

  TemporaryDirectory home_;
  bool has_ssh_;
  bool has_gpg_;
};

/// What gpgv's status lines (doc/DETAILS of GnuPG) say. Strict: exactly one signature, over a
/// binary document, by a digest that still holds. `allow_expired`: a key that expired since counts.
/// Pure.
SignatureFinding read_gpg_status(std::string_view lines, bool allow_expired);

}  // namespace croft::git
