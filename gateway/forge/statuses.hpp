#pragma once

#include <cstddef>
#include <map>
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

/// GET of a page (1, 2, ...) of the statuses that a commit has, the newest first.
HttpRequest statuses_request(const ForgeRepository& repository, const std::string& revision,
                             int page);

/// The statuses that a forge shows of one commit: the newest of each context.
class ShownStatuses {
 public:
  /// Takes in an answer to statuses_request(), page after page. True if more may follow.
  bool add(const ForgeRepository& repository, const Value& answer);
  /// Whether the report is its context's newest.
  bool shows(const ForgeRepository& repository, const CommitReport& report) const;

 private:
  std::map<std::string, std::string> words_;  ///< states by context, both in the forge's words
};

/// Whether a forge's refusal says that the commit has that status already (GitLab's words).
bool is_repetition(Forge forge, int status, std::string_view body);

}  // namespace croft
