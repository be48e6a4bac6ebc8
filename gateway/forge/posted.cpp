#include "gateway/forge/posted.hpp"

#include <fmt/format.h>

namespace croft {

namespace {

constexpr std::string_view kReason = "StatusPosted";
constexpr std::string_view kSeparator = ": ";  // no context has it

}  // namespace

void PostedStatuses::learn(const std::string& revision, const std::vector<EventRow>& events) {
  revision_ = revision;
  states_.clear();
  given_up_.clear();
  is_sure_.clear();
  // Only the revision that is found at the start.
  is_from_before_ = !has_learnt_;
  has_learnt_ = true;
  for (const EventRow& event : events) {
    if (event.reason != kReason || event.revision != revision) continue;
    const std::size_t end = event.message.find(kSeparator);
    if (end == std::string::npos) continue;
    const auto state = commit_state_from(event.message.substr(end + kSeparator.size()));
    if (state) states_[event.message.substr(0, end)] = *state;
  }
}

std::optional<CommitState> PostedStatuses::state_of(const std::string& context) const {
  const auto found = states_.find(context);
  return found == states_.end() ? std::nullopt : std::optional(found->second);
}

bool PostedStatuses::is_given_up(const CommitReport& report) const {
  const auto found = given_up_.find(report.context);
  return found != given_up_.end() && found->second == report.state;
}

EventRow posted_event(const SourceStatus& source, const CommitReport& report, Timestamp now) {
  EventRow event;
  event.time = now;
  event.tenant = source.tenant;
  event.subject = source.key;
  event.reason = kReason;
  event.message = fmt::format("{}{}{}", report.context, kSeparator, to_string(report.state));
  event.revision = report.revision;
  return event;
}

}  // namespace croft
