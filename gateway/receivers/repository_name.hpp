#pragma once

#include <string>
#include <string_view>

namespace croft {

/// A repository's address without what differs between its URLs: scheme, user, port, ".git".
struct RepositoryName {
  std::string host;  ///< lower case; empty for a path of this machine
  std::string path;  ///< "alice/hosting"; for hosts in lower case, as forges compare it

  bool operator==(const RepositoryName&) const = default;
};

/// Of "https://git.example.com/alice/hosting.git", "git@git.example.com:alice/hosting.git",
/// "ssh://git@git.example.com:2222/alice/hosting", "/srv/git/hosting.git", "file:///srv/...". Pure.
RepositoryName repository_name(std::string_view url);

}  // namespace croft
