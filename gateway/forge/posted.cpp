#include "gateway/forge/posted.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace croft {

namespace {

constexpr std::string_view kReason = "StatusPosted";
constexpr std::string_view kSeparator = ": ";  // no context has it
constexpr std::string_view kAsked = "CommentAsked";
constexpr std::string_view kSettled = "CommentSettled";
constexpr std::string_view kMergeRequest = "merge request ";
constexpr std::string_view kBegun = "CommentBegun";
constexpr std::string_view kPosted = "CommentPosted";
constexpr std::string_view kNumberFollows = ": comment ";

}  // namespace

void PostedStatuses::recall(const std::vector<EventRow>& events) {
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    if (event->reason != kReason || event->revision != revision_) continue;
    const std::size_t end = event->message.find(kSeparator);
    if (end == std::string::npos) continue;
    const auto state = commit_state_from(event->message.substr(end + kSeparator.size()));
    if (state) states_.try_emplace(event->message.substr(0, end), *state);
  }
}

bool PostedStatuses::knows(const std::set<std::string>& contexts) const {
  return std::ranges::all_of(contexts,
                             [&](const std::string& one) { return states_.contains(one); });
}

void PostedStatuses::settle(ShownStatuses shown) {
  shown_ = std::move(shown);
  doubted_.clear();
  told_.clear();
  is_from_before_ = false;
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

EventRow asked_event(const SourceStatus& source, std::int64_t merge_request, bool is_over,
                     Timestamp now) {
  EventRow event;
  event.time = now;
  event.tenant = source.tenant;
  event.subject = source.key;
  event.reason = is_over ? kSettled : kAsked;
  event.message = fmt::format("{}{}", kMergeRequest, merge_request);
  return event;
}

std::map<std::int64_t, bool> asked_in(const std::vector<EventRow>& events) {
  std::map<std::int64_t, bool> asked;
  for (const EventRow& event : events) {
    const bool is_over = event.reason == kSettled;
    if (!is_over && event.reason != kAsked) continue;
    if (!event.message.starts_with(kMergeRequest)) continue;
    std::int64_t number = 0;
    std::from_chars(event.message.data() + kMergeRequest.size(),
                    event.message.data() + event.message.size(), number);
    if (number > 0) asked[number] = is_over;
  }
  return asked;
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
