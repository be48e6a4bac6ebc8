#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "core/base/signing_keys.hpp"
#include "core/git/mirror.hpp"

namespace croft {

/// Why a revision is not trusted.
enum class Distrust {
  Unsigned,
  UntrustedKey,    ///< signed well, by a key that is not listed, expired, revoked, not valid yet
  BadSignature,    ///< the signature is not one of this commit, or has no form
  TooManyCommits,  ///< more than can be looked at
};

/// "Unsigned", "UntrustedKey", ...: reasons of conditions.
std::string_view to_string(Distrust distrust);
/// True for the names that it gives.
bool is_distrust(std::string_view reason);

/// At most so many commits are looked at when every commit must be signed; a mirror that is to be
/// judged so is fetched with that history and one more.
inline constexpr int kMostCommitsJudged = 500;

/// Which commits must be signed.
struct TrustQuestion {
  SigningKeys keys;
  std::string commit;  ///< the revision
  std::string ref;     ///< what it was fetched as: "refs/tags/v1"; a tag must call itself so
  std::string tag;     ///< the annotated tag that it was fetched as, or empty; its signature stands
                       ///< for the revision's own
  std::string since;   ///< all that it has and that commit has not must be signed, too; empty: only
                       ///< the revision itself
  bool is_old = false;  ///< it was applied before: keys are judged as of its own time, so that a
                        ///< key's end takes nothing back
};

struct TrustVerdict {
  std::optional<Distrust> distrust;  ///< nothing: it is trusted
  std::string words;                 ///< which commit, by whom, what is wrong, what to try
  std::string signer;                ///< of the revision itself, if it is trusted
};

/// Judges a revision of a mirror by its signatures. New revisions are judged by this machine's
/// clock: the time in a commit is whatever its author wants. Invalid: a key is none. Unavailable,
/// Timeout: the programs that know signatures (ssh-keygen, gpgv) do not answer. Blocks.
Result<TrustVerdict> judge_revision(const Mirror& mirror, const TrustQuestion& question);

}  // namespace croft
