#pragma once
// Inside core/git only: the one configuration file that a fetch's children read, and how they get a
// password.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/files.hpp"
#include "core/base/result.hpp"
#include "core/git/mirror.hpp"
#include "core/git/remote.hpp"

namespace croft::git {

/// A named pipe that hands the password to Git's credential helper: it is never on a disk, a
/// command line or in an environment, and is gone when Croft is.
class CredentialPipe {
 public:
  static Result<CredentialPipe> make(const std::filesystem::path& path, const std::string& user,
                                     const std::string& password);
  CredentialPipe(CredentialPipe&&) noexcept = default;
  CredentialPipe& operator=(CredentialPipe&&) noexcept = default;
  ~CredentialPipe();

  /// The value of `credential.helper` that reads it.
  std::string helper() const;

 private:
  CredentialPipe(std::filesystem::path path, UniqueFd fd)
      : path_(std::move(path)), fd_(std::move(fd)) {}
  std::filesystem::path path_;
  UniqueFd fd_;
};

/// The configuration file's text; `helper` is empty without a password. Invalid names a file that
/// cannot be read.
Result<std::string> fetch_configuration(const RemoteAddress& address,
                                        const RemoteRepository& remote, const std::string& helper);

/// A text as one word of sh.
std::string shell_quote(std::string_view text);

}  // namespace croft::git
