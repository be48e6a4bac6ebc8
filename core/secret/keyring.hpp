#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/files.hpp"
#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "core/secret/age.hpp"
#include "core/secret/seal.hpp"

namespace croft::secret {

/// The server's private keys, oldest first: all open, the newest seals. A value; copies share
/// nothing.
class Keyring {
 public:
  /// At least one. `fingerprint_key` is any text that stays the same for the life of the
  /// installation.
  Keyring(std::vector<AgeIdentity> keys, KeyBytes fingerprint_key);

  const std::vector<AgeIdentity>& keys() const { return keys_; }
  const AgeIdentity& newest() const { return keys_.back(); }

  /// What SOPS files of one tenant are encrypted to: keys of its own, derived from the server's, so
  /// that a file of one tenant never opens for another. Same order.
  std::vector<AgeIdentity> keys_of(std::string_view tenant) const;

  /// Stands for a value where it may be seen: 16 hexadecimal digits that tell two values apart and
  /// say nothing else without the fingerprint key. The same value elsewhere has another one.
  std::string fingerprint(const SealScope& scope, std::string_view clear) const;

  /// Without one of the older keys. NotFound if there is no such key; Conflict for the newest.
  Result<Keyring> without(std::string_view id) const;

 private:
  std::vector<AgeIdentity> keys_;
  KeyBytes fingerprint_key_;
};

/// Where a keyring lies: an identity file as age writes them (a line a key, the newest last,
/// comments behind #), and a file of 64 hexadecimal digits beside it. Whoever changes them holds a
/// lock on their directory, so that threads and processes lose no key of each other's. All block.
class KeyringFiles {
 public:
  /// `given` is a directory of the operator's, looked into first and never written to
  /// ($CREDENTIALS_DIRECTORY); `own` is ours.
  KeyringFiles(std::filesystem::path given, std::filesystem::path own)
      : given_(std::move(given)), own_(std::move(own)) {}

  /// Makes the files that are missing, unless the operator gives them. Conflict if there were some
  /// once: what is missing then is lost, or its directory is not mounted, and new keys would open
  /// nothing.
  Result<Keyring> load_or_make() const;
  /// NotFound if there are none.
  Result<Keyring> load() const;
  /// A new newest key. Conflict where the operator gives the keys.
  Result<Keyring> rotate() const;
  /// As Keyring::without(), for good, if `is_unused` agrees to what is left, under the lock: what
  /// is sealed to that key opens no more. The key is kept in kRetiredFile.
  Result<Keyring> retire(std::string_view id,
                         const std::function<Result<void>(const Keyring& left)>& is_unused) const;

  /// Changes whenever the files do: which they are, their times and sizes.
  std::string stamp() const;

  static constexpr std::string_view kSealFile = "croft-seal.keys";
  static constexpr std::string_view kFingerprintFile = "croft-fingerprint.key";
  /// Never read: for an operator who retired one too many.
  static constexpr std::string_view kRetiredFile = "croft-seal.keys.retired";
  /// In `own`: says where the files were when they were last used.
  static constexpr std::string_view kKnownFile = "croft-keys.known";

 private:
  Result<std::vector<AgeIdentity>> read_keys(const std::filesystem::path& file) const;
  Result<KeyBytes> read_fingerprint_key() const;
  Result<void> write_keys(const std::vector<AgeIdentity>& keys) const;
  /// For as long as the descriptor is open.
  Result<UniqueFd> lock() const;
  Result<Keyring> load_or_make_locked() const;
  Result<void> make_missing() const;
  Result<void> note_known() const;
  Result<void> keep_retired(const AgeIdentity& key) const;
  std::filesystem::path place_of(std::string_view file) const;
  bool is_missing(std::string_view file) const;
  Result<void> check_ours() const;

  std::filesystem::path given_;
  std::filesystem::path own_;
};

}  // namespace croft::secret
