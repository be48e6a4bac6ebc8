#pragma once
// Inside core/git only: reading what an operator or a tenant wrote as a repository's address.

#include <string>

#include "core/base/result.hpp"

namespace croft::git {

enum class Transport { Local, Https, Ssh };

/// A repository's address, checked: nothing else than these transports, no password in it.
struct RemoteAddress {
  Transport transport = Transport::Local;
  std::string url;        ///< what git gets: an absolute path or a URL, without user for https
  std::string authority;  ///< https: host[:port]
  std::string user;       ///< https: the user written in the URL, or empty
};

/// Invalid for transports that Croft does not speak, and for URLs that hold a password (which is
/// not repeated).
Result<RemoteAddress> parse_remote(const std::string& url);

/// "refs/heads/main" of "main"; full refs and HEAD stay. Invalid if Git does not allow the name.
Result<std::string> full_ref_name(const std::string& ref);

}  // namespace croft::git
