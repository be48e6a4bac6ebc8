#include "gateway/forge/posted.hpp"

#include <charconv>

#include <fmt/format.h>

namespace croft {

namespace {

constexpr std::string_view kReason = "StatusPosted";
constexpr std::string_view kSeparator = ": ";  // no context has it
constexpr std::string_view kBegun = "CommentBegun";
constexpr std::string_view kPosted = "CommentPosted";
constexpr std::string_view kNumberFollows = ": comment ";

}  // namespace

PostedStatuses::PostedStatuses(const std::string& revision, const std::vector<EventRow>& events,
                               bool is_from_before)
    : is_from_before_(is_from_before) {
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

std::string comment_subject(const std::string& source, std::int64_t merge_request) {
  return fmt::format("{}#{}", source, merge_request);
}

EventRow comment_event(const SourceStatus& source, std::int64_t merge_request,
                       const KeptComment& comment, Timestamp now) {
  EventRow event;
  event.time = now;
  event.tenant = source.tenant;
  event.subject = comment_subject(source.key, merge_request);
  event.reason = comment.id == 0 ? kBegun : kPosted;
  event.message = comment.mark;
  if (comment.id != 0) event.message += fmt::format("{}{}", kNumberFollows, comment.id);
  return event;
}

std::optional<KeptComment> kept_comment(const std::vector<EventRow>& events) {
  std::optional<KeptComment> kept;
  for (const EventRow& event : events) {
    if (event.reason == kBegun) kept = KeptComment{event.message, 0};
    const std::size_t end = event.message.find(kNumberFollows);
    if (event.reason != kPosted || end == std::string::npos) continue;
    kept = KeptComment{event.message.substr(0, end), 0};
    const char* digits = event.message.data() + end + kNumberFollows.size();
    std::from_chars(digits, event.message.data() + event.message.size(), kept->id);
  }
  return kept;
}

}  // namespace croft
