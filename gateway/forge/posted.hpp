#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/store/rows.hpp"
#include "gateway/forge/statuses.hpp"

namespace croft {

/// What was posted for one revision of one source: a memory of the events that say so.
class PostedStatuses {
 public:
  /// `is_from_before`: a daemon that died before it could say so may have posted for it.
  PostedStatuses(std::string revision, bool is_from_before)
      : revision_(std::move(revision)), is_from_before_(is_from_before) {}

  /// Takes in what events of the source (oldest first) tell of that revision: the newest page of
  /// them, then the one before, and so on.
  void recall(const std::vector<EventRow>& events);
  bool knows(const std::set<std::string>& contexts) const;

  std::optional<CommitState> state_of(const std::string& context) const;
  void note(const CommitReport& report) {
    states_[report.context] = report.state;
    told_.insert(report.context);
  }

  /// Refused, and not to be tried again before something else is to be said.
  bool is_given_up(const CommitReport& report) const;
  void give_up(const CommitReport& report) { given_up_[report.context] = report.state; }

  /// Whether the forge must be asked before the next post of that context: nobody knows what it
  /// has.
  bool is_unsure(const std::string& context) const {
    return is_from_before_ || doubted_.contains(context);
  }
  void doubt(const std::string& context) { doubted_.insert(context); }
  /// The forge was asked: that goes for all contexts.
  void settle(ShownStatuses shown);
  /// Whether the forge had it when it was asked, and was told nothing else since.
  bool was_shown(const ForgeRepository& repository, const CommitReport& report) const {
    return !told_.contains(report.context) && shown_.shows(repository, report);
  }

 private:
  std::map<std::string, CommitState> states_;
  std::map<std::string, CommitState> given_up_;
  std::string revision_;
  std::set<std::string> doubted_;  ///< contexts
  std::set<std::string> told_;     ///< contexts that `shown_` is out of date for
  ShownStatuses shown_;
  bool is_from_before_;
};

/// The event that remembers a post, of the source.
EventRow posted_event(const SourceStatus& source, const CommitReport& report, Timestamp now);

/// Merge requests of a source that wait for a comment, in their order.
struct AskedComments {
  std::deque<std::int64_t> numbers;
  std::map<std::int64_t, int> timeouts;

  bool has(std::int64_t number) const {
    return std::ranges::find(numbers, number) != numbers.end();
  }
  void add(std::int64_t number) {
    if (!has(number)) numbers.push_back(number);
  }
};

/// The event of a source that says that a comment on a merge request was asked for; if it
/// `is_over`, that it was made, or never will be.
EventRow asked_event(const SourceStatus& source, std::int64_t merge_request, bool is_over,
                     Timestamp now);
/// The merge requests of which such events (oldest first) say so, and the last whether it is over.
std::map<std::int64_t, bool> asked_in(const std::vector<EventRow>& events);

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
