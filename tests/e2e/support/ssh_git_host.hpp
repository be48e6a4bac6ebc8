#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/base/files.hpp"
#include "tests/support/git_repository.hpp"
#include "tests/support/server_process.hpp"

namespace croft::e2e {

/// A Git host that is reached by SSH, as a foreign one is: nothing but fetching tells that one of
/// its repositories moved. A real sshd on loopback.
class SshGitHost {
 public:
  /// Why there can be none here, or empty.
  static std::string missing();

  /// Writes what a daemon needs into its directory of secrets: the key `deploy`, and `known_hosts`.
  explicit SshGitHost(const std::filesystem::path& secrets);

  /// The URL of a repository of this machine.
  std::string url_of(const GitRepository& repository) const;

 private:
  std::string file(const std::string& name) const { return (home_.path() / name).string(); }
  bool answers() const;

  TemporaryDirectory home_;
  int port_;
  std::unique_ptr<ServerProcess> server_;
};

}  // namespace croft::e2e
