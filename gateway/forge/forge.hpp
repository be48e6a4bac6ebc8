#pragma once
// Room gateway/forge: what Croft says to the hosts of repositories.
//
//   forge         where a source's repository is, and what a request to it must carry; pure
//   statuses      commit statuses, as each forge wants them; pure
//   comments      comments on merge requests, as each forge wants them; pure
//   verdict       how a revision fares, from what the engine shows; pure
//   caller        sends requests, and says when to try again
//   reporter      posts what has changed, once, and keeps each merge request's comment
//
// What was posted is in the store, as events of the source, so that a restart posts nothing twice.

#include <string>
#include <string_view>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "core/base/value.hpp"
#include "core/net/client.hpp"
#include "reconciler/engine.hpp"

namespace croft {

enum class Forge { GitHub, GitLab, Gitea, Bitbucket };

/// A repository at its forge.
struct ForgeRepository {
  Forge forge = Forge::GitHub;
  ServerAddress server;
  std::string base;  ///< of the API's paths: "/api/v4", or empty
  std::string path;  ///< "alice/hosting"

  bool operator==(const ForgeRepository&) const = default;
};

/// Where a Source's reports go: what `commitStatus` says, and where that is silent what its URL
/// tells. Invalid if neither does.
Result<ForgeRepository> forge_repository(const CommitStatusDeclaration& status,
                                         const std::string& source_url);

/// A request of that path below the API's base, with a body unless it is null, and with what each
/// forge wants of every request; `authorize` adds the token.
HttpRequest forge_request(const ForgeRepository& repository, std::string_view method,
                          std::string_view path, const Value& body = Value());
void authorize(HttpRequest& request, Forge forge, const Secret<std::string>& token);

/// The path of everything of the repository: "/repos/alice/hosting",
/// "/projects/alice%2Fhosting", "/repositories/alice/hosting".
std::string repository_path(const ForgeRepository& repository);

/// At most so many bytes, cut between characters, with an ellipsis in the place of the rest.
std::string shortened(std::string_view text, std::size_t limit);

}  // namespace croft
