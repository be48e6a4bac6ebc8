#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "core/net/http.hpp"
#include "core/store/store.hpp"

namespace croft {

/// Who asks.
struct Principal {
  bool is_operator = false;
  std::string tenant;  ///< of a token that is scoped to one
  std::string name;    ///< for directives and the audit log: "root", "token ci"

  /// True if that tenant's things ("": the platform's) may be seen and changed.
  bool may_see(std::string_view other) const {
    return is_operator || (!other.empty() && other == tenant);
  }
};

/// What a token starts with, so that scanners of leaked secrets find it.
inline constexpr std::string_view kTokenPrefix = "croft_";

/// Who stands behind a request. On a unix socket the peer's uid decides: root, the daemon's own, or
/// one of `operator_uids`. Else a bearer token: of the operator, or of a tenant that still is the
/// one that the token was made for (a recreated tenant inherits no tokens). Denied says why; 401
/// goes with it if a token could help.
Task<Result<Principal>> authenticate(const HttpRequest& request, Store& store, const Clock& clock,
                                     std::vector<std::uint32_t> operator_uids);

}  // namespace croft
