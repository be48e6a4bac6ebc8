#pragma once

#include <string>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "gateway/forge/forge.hpp"

namespace croft {

/// What a forge answered, as far as anything follows from it.
struct ForgeAnswer {
  enum class Kind {
    Done,     ///< it did what was asked
    Later,    ///< it is busy, or limits us: again after `wait`
    Refused,  ///< it will not, until somebody changes something
    Unknown,  ///< nobody knows whether it was done: the answer is lost, or it failed (5xx)
  };
  Kind kind = Kind::Done;
  int status = 0;
  Value body;         ///< if it was JSON
  std::string words;  ///< what it said, for people; never a secret
  Duration wait{0};   ///< of Later and Unknown; 0: not said
};

/// How long a limited caller is to wait: `Retry-After` (seconds), or until `X-RateLimit-Reset` if
/// `X-RateLimit-Remaining` is 0 (GitLab: `RateLimit-...`), between a second and an hour; 0 if
/// nothing says so. Pure.
Duration limit_of(const HttpHeaders& headers, Timestamp now);

/// Sends one request to a forge. Follows no redirect.
Task<ForgeAnswer> call_forge(ForgeRepository repository, HttpRequest request,
                             Secret<std::string> token, Timestamp now);

}  // namespace croft
