#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/store/rows.hpp"
#include "gateway/forge/statuses.hpp"

namespace croft {

/// What was posted for one source: a memory of the events that say so.
class PostedStatuses {
 public:
  /// Takes in what the source's events tell of that revision.
  void learn(const std::string& revision, const std::vector<EventRow>& events);
  /// Whether learn() was called for it.
  bool knows(const std::string& revision) const { return revision == revision_; }

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
  std::string revision_;
  std::map<std::string, CommitState> states_;
  std::map<std::string, CommitState> given_up_;
  std::map<std::string, bool> is_sure_;  ///< by context
  /// A daemon that died before it could say so may have posted for this revision.
  bool is_from_before_ = true;
  bool has_learnt_ = false;
};

/// The event that remembers a post, of the source.
EventRow posted_event(const SourceStatus& source, const CommitReport& report, Timestamp now);

}  // namespace croft
