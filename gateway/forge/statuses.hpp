#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gateway/forge/forge.hpp"

namespace croft {

enum class CommitState {
  Pending,  ///< it is being checked or applied, or waits for a person
  Success,  ///< all of it is ready
  Failure,  ///< something in it is wrong, or does not come up
  Error,    ///< Croft or a provider is in trouble; the commit may be right
};
/// "pending", "success", "failure", "error".
std::string_view to_string(CommitState state);
std::optional<CommitState> commit_state_from(std::string_view name);

/// One status of one commit.
struct CommitReport {
  std::string revision;
  std::string context;  ///< what it is called: "croft/alice", "croft/alice/Instance/api"
  CommitState state = CommitState::Pending;
  std::string description;  ///< a line
  std::string link;         ///< or empty

  bool operator==(const CommitReport&) const = default;
};

/// POST of a status.
HttpRequest status_request(const ForgeRepository& repository, const CommitReport& report);

/// GET of the statuses that a commit has.
HttpRequest statuses_request(const ForgeRepository& repository, const std::string& revision);
/// Whether the forge's answer to that shows the report as its context's newest.
bool shows_report(const ForgeRepository& repository, const Value& answer,
                  const CommitReport& report);

/// Whether a forge's refusal says that the commit has that status already (GitLab's words).
bool is_repetition(Forge forge, int status, std::string_view body);

}  // namespace croft
