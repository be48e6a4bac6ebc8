#pragma once
// Inside core/git only: the git child that brings objects into a mirror, and what its words mean.

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/base/child.hpp"
#include "core/base/result.hpp"
#include "core/git/mirror.hpp"
#include "core/git/remote.hpp"

namespace croft::git {

/// The ref of a mirror that holds what was fetched last.
inline constexpr const char* kFetchedRef = "refs/croft/fetched";

/// How a fetch ended that ran to its end.
struct FetchOutcome {
  std::optional<Error> refusal;  ///< why nothing came, or nothing
  bool may_be_damage = false;  ///< git's words may mean that the mirror is damaged; the remote can
                               ///< make it say so too
};

/// Fetches the newest commit of `ref` (a full name) into kFetchedRef of the mirror, with as much
/// history as the limits ask for. The child runs without the user's configuration, without hooks,
/// and speaks only the address's transport.
Result<FetchOutcome> fetch_newest(const std::filesystem::path& mirror, const RemoteAddress& address,
                                  const std::string& ref, const RemoteRepository& remote,
                                  const FetchLimits& limits, std::stop_token stop);

/// Runs git in a mirror for its own sake ("fsck", "gc").
Result<ChildOutput> run_in_mirror(const std::filesystem::path& mirror,
                                  std::vector<std::string> arguments, Duration deadline,
                                  std::stop_token stop);

/// Removes what a killed git leaves behind: half-written packs and objects, locks. Nothing may run
/// in the mirror.
void remove_leftovers(const std::filesystem::path& mirror);

/// What git said when a fetch failed, as an Error.
Error explain_failure(const RemoteAddress& address, const std::string& ref,
                      const RemoteRepository& remote, const std::string& said);

/// True if git's words may mean that the mirror itself is damaged.
bool may_mean_damage(const std::string& said);

}  // namespace croft::git
