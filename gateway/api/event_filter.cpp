#include "gateway/api/event_filter.hpp"

#include <algorithm>
#include <fnmatch.h>
#include <utility>

#include <fmt/format.h>

namespace croft {

namespace {

// A rare event is looked for in all there are: few large reads, between which others have a turn.
constexpr std::size_t kPage = 1'000;

bool is_like(const std::string& pattern, const std::string& text) {
  return ::fnmatch(pattern.c_str(), text.c_str(), FNM_PATHNAME | FNM_NOESCAPE | FNM_CASEFOLD) == 0;
}

bool is_about(const std::string& pattern, const EventRow& event) {
  if (is_like(pattern, event.subject)) return true;
  const std::size_t slash = event.subject.find('/');
  return slash != std::string::npos && is_like(pattern, event.subject.substr(slash + 1));
}

std::vector<std::string> patterns_of(std::string_view text) {
  std::vector<std::string> patterns;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) patterns.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return patterns;
}

Result<std::optional<Timestamp>> time_of(const Value& query, std::string_view name, Timestamp now) {
  const std::string text = query.text_or(name, "");
  if (text.empty()) return std::nullopt;
  if (const Result<Timestamp> time = parse_time(text)) return *time;
  if (const Result<Duration> ago = parse_duration(text)) return now - *ago;
  return fail(Error(ErrorCode::Invalid, fmt::format("{}: '{}' is no time", name, text))
                  .with_hint("say how long ago, as 15m or 2d, or when, as 2026-11-21T02:33:30Z"));
}

}  // namespace

bool EventFilter::is_empty() const {
  return reasons.empty() && resources.empty() && !severity && revision.empty() && !since && !until;
}

bool EventFilter::matches(const EventRow& event) const {
  if (severity && event.severity != *severity) return false;
  if (since && event.time < *since) return false;
  if (until && event.time >= *until) return false;
  if (!event.revision.starts_with(revision)) return false;
  const auto has_reason = [&](const std::string& one) { return is_like(one, event.reason); };
  if (!reasons.empty() && std::ranges::none_of(reasons, has_reason)) return false;
  const auto is_of = [&](const std::string& one) { return is_about(one, event); };
  return resources.empty() || std::ranges::any_of(resources, is_of);
}

Result<EventFilter> read_event_filter(const Value& query, Timestamp now) {
  EventFilter filter;
  filter.reasons = patterns_of(query.text_or("reason", ""));
  filter.resources = patterns_of(query.text_or("resource", ""));
  // Its schema lets through these two and nothing else.
  if (const std::string severity = query.text_or("severity", ""); !severity.empty())
    filter.severity = severity == "Warning" ? Severity::Warning : Severity::Normal;
  filter.revision = query.text_or("revision", "");
  TRY_ASSIGN(filter.since, time_of(query, "since", now));
  TRY_ASSIGN(filter.until, time_of(query, "until", now));
  return filter;
}

Task<Result<std::vector<EventRow>>> filtered_events(Engine& engine, EventQuery query,
                                                    EventFilter filter) {
  if (filter.is_empty()) co_return co_await engine.events(std::move(query));
  const bool is_forward = query.after != 0;
  const std::size_t limit = std::exchange(query.limit, kPage);
  std::vector<EventRow> found;
  while (found.size() < limit) {
    CO_TRY_ASSIGN(std::vector<EventRow> page, co_await engine.events(query));
    const std::size_t read = page.size();
    if (read > 0 && is_forward) query.after = page.back().sequence;
    if (read > 0 && !is_forward) query.before = page.front().sequence;
    // Clocks are set back at times, but not by as much as a whole page takes.
    const auto is_early = [&](const EventRow& event) {
      return filter.since && event.time < *filter.since;
    };
    const bool is_past = !is_forward && std::ranges::all_of(page, is_early);
    std::erase_if(page, [&](const EventRow& event) { return !filter.matches(event); });
    found.insert(is_forward ? found.end() : found.begin(), page.begin(), page.end());
    if (read < kPage || is_past) break;
  }
  if (found.size() > limit) {
    const auto surplus = static_cast<std::ptrdiff_t>(found.size() - limit);
    const auto first = is_forward ? found.end() - surplus : found.begin();
    found.erase(first, first + surplus);
  }
  co_return found;
}

}  // namespace croft
