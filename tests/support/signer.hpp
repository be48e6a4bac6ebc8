#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/files.hpp"
#include "tests/support/git_repository.hpp"

namespace croft {

/// Real keys that sign with the real programs, in directories of their own. Every call throws
/// std::runtime_error with the program's words if it fails.
class SshSigner {
 public:
  /// `type` as ssh-keygen's -t; `bits` empty for its own.
  explicit SshSigner(const std::string& comment, const std::string& type = "ed25519",
                     const std::string& bits = "");

  /// "ssh-ed25519 AAAA... COMMENT".
  std::string public_key() const;
  /// Every commit and tag of that repository is signed from now on.
  void sign_in(const GitRepository& repository) const;
  /// The armoured signature over a text.
  std::string sign(const std::string& text, const std::string& name_space = "git") const;
  /// Lets `authority` certify the key for a time (ssh-keygen's -V); it signs as certified from now
  /// on.
  void certify(const SshSigner& authority, const std::string& principal,
               const std::string& validity);

  const std::filesystem::path& directory() const { return directory_.path(); }

 private:
  std::filesystem::path file() const { return directory_.path() / "key"; }
  TemporaryDirectory directory_;
  bool is_certified_ = false;
};

class GpgSigner {
 public:
  /// `created` as "20230101T000000", or empty for now; `expires` as gpg has it: "0", "30d".
  explicit GpgSigner(const std::string& name, const std::string& created = "",
                     const std::string& expires = "0");
  ~GpgSigner();
  GpgSigner(const GpgSigner&) = delete;
  GpgSigner& operator=(const GpgSigner&) = delete;

  std::string public_key() const;
  std::string private_key() const;
  std::string fingerprint() const;
  void revoke() const;
  /// Every commit and tag is signed, at that time if there is one.
  void sign_in(const GitRepository& repository, const std::string& at = "",
               const std::string& more_options = "") const;
  std::string sign(const std::string& text, std::vector<std::string> how = {"--detach-sign"}) const;

 private:
  std::string gpg(std::vector<std::string> arguments, const std::string& input = "") const;
  TemporaryDirectory home_;
  std::string name_;
};

/// From now on nothing of that repository is signed.
void sign_no_more(const GitRepository& repository);

}  // namespace croft
