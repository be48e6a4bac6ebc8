#include "gateway/forge/verdict.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/git/trust.hpp"

namespace croft {

namespace {

/// What stands in the way of nothing: people wanted it so.
constexpr std::array<std::string_view, 3> kWanted{"Held", "TenantSuspended", "Suspended"};
constexpr std::array<std::string_view, 3> kOnTheWay{"Starting", "Pending", "DependencyNotReady"};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string link_of(const SourceStatus& source, const std::string& revision) {
  std::string link = source.commit_status->link;
  const std::array<std::pair<std::string_view, std::string>, 3> words{{
      {"{tenant}", source.tenant},
      {"{source}", source.key},
      {"{revision}", revision},
  }};
  for (const auto& [word, text] : words) {
    const std::string value = percent_encode(text);
    for (std::size_t at = link.find(word); at != std::string::npos; at = link.find(word, at)) {
      link.replace(at, word.size(), value);
      at += value.size();
    }
  }
  return link;
}

/// "croft/alice", or "croft/alice/more" for another source of the tenant.
std::string context_of(const SourceStatus& source) {
  const std::size_t slash = source.key.find('/');
  const std::string name = source.key.substr(slash + 1);
  const bool is_main = slash == std::string::npos || source.tenant == name;
  return source.commit_status->context + "/" + (is_main ? name : source.key);
}

CommitReport report(const SourceStatus& source, const std::string& revision, CommitState state,
                    std::string description) {
  return {revision, context_of(source), state, std::move(description), link_of(source, revision)};
}

CommitReport report_of(const SourceStatus& source, const ResourceStatus& resource,
                       const std::string& revision) {
  CommitReport made{revision, context_of(source) + "/" + local_name(resource.ref),
                    CommitState::Pending, "", link_of(source, revision)};
  if (made.link.empty()) made.link = resource.url;
  const Condition* ready = find_condition(resource.conditions, "Ready");
  const bool is_stalled = find_condition(resource.conditions, "Stalled") != nullptr;
  if (ready == nullptr || (resource.applied_revision != revision && !is_stalled)) {
    made.description = "not applied yet";
    return made;
  }
  const auto is_among = [&](const auto& reasons) {
    return std::ranges::find(reasons, ready->reason) != reasons.end();
  };
  made.description =
      ready->message.empty() ? ready->reason : ready->reason + ": " + first_line(ready->message);
  if (is_stalled) {
    made.state = CommitState::Failure;
  } else if (ready->status == ConditionStatus::True || is_among(kWanted)) {
    made.state = CommitState::Success;
  } else if (ready->status == ConditionStatus::Unknown) {
    made.state = CommitState::Error;
  } else {
    made.state = is_among(kOnTheWay) ? CommitState::Pending : CommitState::Failure;
  }
  return made;
}

/// The worst of them with its reason, or how many are ready.
CommitReport summary(const SourceStatus& source, const std::string& revision,
                     const std::vector<CommitReport>& all) {
  for (const CommitState bad : {CommitState::Failure, CommitState::Error}) {
    const auto worst = std::ranges::find(all, bad, &CommitReport::state);
    if (worst == all.end()) continue;
    const std::string name = worst->context.substr(context_of(source).size() + 1);
    return report(source, revision, bad, fmt::format("{}: {}", name, worst->description));
  }
  const auto ready = std::ranges::count(all, CommitState::Success, &CommitReport::state);
  const bool is_done =
      ready == static_cast<std::ptrdiff_t>(all.size()) && source.passed_revision == revision;
  return report(source, revision, is_done ? CommitState::Success : CommitState::Pending,
                fmt::format("{} of {} ready", ready, all.size()));
}

std::vector<CommitReport> of_applied(const SourceStatus& source,
                                     const std::vector<ResourceStatus>& resources,
                                     const std::string& revision) {
  std::vector<CommitReport> parts;
  for (const ResourceStatus& resource : resources) {
    // Whether a Webhook reaches anybody says nothing of the commit; a Secret is for others.
    const bool counts = resource.source == source.key && !is_record(resource.ref.kind);
    if (counts) parts.push_back(report_of(source, resource, revision));
  }
  std::vector<CommitReport> all{summary(source, revision, parts)};
  if (source.commit_status->has_resources) std::ranges::move(parts, std::back_inserter(all));
  return all;
}

/// That the newest revision that was looked at is wrong, if that is so.
std::optional<CommitReport> refusal(const SourceStatus& source) {
  const Condition* stalled = find_condition(source.conditions, "Stalled");
  // Why it could not be fetched is not about the commit that was fetched before.
  const bool is_about_it =
      stalled != nullptr && (stalled->reason == "InvalidManifests" ||
                             stalled->reason == "NotAdmitted" || is_distrust(stalled->reason));
  if (!is_about_it) return std::nullopt;
  return report(source, source.attempted_revision, CommitState::Failure,
                first_line(stalled->message));
}

}  // namespace

std::vector<CommitReport> reports_of(const SourceStatus& source,
                                     const std::vector<ResourceStatus>& resources,
                                     const std::string& waiting) {
  if (!source.commit_status) return {};
  const std::string& revision = source.attempted_revision;
  const std::optional<CommitReport> refused = revision.empty() ? std::nullopt : refusal(source);
  if (!source.candidate_revision.empty()) {
    const std::string what =
        waiting.empty() ? "being checked" : "waits for a person: " + first_line(waiting);
    std::vector<CommitReport> both{
        report(source, source.candidate_revision, CommitState::Pending, what)};
    // One that came after it, while it waits.
    if (refused && revision != source.candidate_revision) both.push_back(*refused);
    return both;
  }
  if (revision.empty()) return {};
  if (refused) return {*refused};
  if (find_condition(source.conditions, "Stalled") != nullptr) return {};
  if (source.applied_revision != revision) return {};
  return of_applied(source, resources, revision);
}

bool is_worth_posting(std::optional<CommitState> posted, CommitState state) {
  if (!posted) return true;
  if (*posted == CommitState::Pending) return state != CommitState::Pending;
  return *posted != CommitState::Success && state == CommitState::Success;
}

}  // namespace croft
