#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/store/rows.hpp"
#include "gateway/forge/statuses.hpp"

namespace croft {

/// What was posted for one revision of one source: a memory of the events that say so.
class PostedStatuses {
 public:
  /// Takes in what the source's events tell of that revision. `is_from_before`: a daemon that died
  /// before it could say so may have posted for it.
  PostedStatuses(const std::string& revision, const std::vector<EventRow>& events,
                 bool is_from_before);

  std::optional<CommitState> state_of(const std::string& context) const;
  void note(const CommitReport& report) { states_[report.context] = report.state; }

  /// Refused, and not to be tried again before something else is to be said.
  bool is_given_up(const CommitReport& report) const;
  void give_up(const CommitReport& report) { given_up_[report.context] = report.state; }

  /// Whether the forge must be asked before the next post of that context: nobody knows what it
  /// has.
  bool is_unsure(const std::string& context) const {
    const auto found = is_sure_.find(context);
    return found == is_sure_.end() ? is_from_before_ : !found->second;
  }
  void doubt(const std::string& context) { is_sure_[context] = false; }
  void settle(const std::string& context) { is_sure_[context] = true; }

 private:
  std::map<std::string, CommitState> states_;
  std::map<std::string, CommitState> given_up_;
  std::map<std::string, bool> is_sure_;  ///< by context
  bool is_from_before_;
};

/// The event that remembers a post, of the source.
EventRow posted_event(const SourceStatus& source, const CommitReport& report, Timestamp now);

/// What is known of our comment on a merge request. Whoever may comment can write what we write;
/// what is ours is known by the forge's number of it, or by a mark that nobody else knew before.
struct KeptComment {
  std::string mark;
  std::int64_t id = 0;  ///< 0: it was about to be posted, and nobody knows whether it was

  bool operator==(const KeptComment&) const = default;
};

/// The subject of those events: "alice/alice#7".
std::string comment_subject(const std::string& source, std::int64_t merge_request);
/// The event that remembers it: before it is posted, and when its number is known.
EventRow comment_event(const SourceStatus& source, std::int64_t merge_request,
                       const KeptComment& comment, Timestamp now);
/// What the events of such a subject (oldest first) say.
std::optional<KeptComment> kept_comment(const std::vector<EventRow>& events);

}  // namespace croft
