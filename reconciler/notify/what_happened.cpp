#include "reconciler/notify/what_happened.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace croft::notify {

namespace {

using Row = std::pair<std::string_view, std::string_view>;

// Reasons of events, and the types that they are. Those of a resource that is not ready, or that
// something failed on, are in type_of().
constexpr std::array kTypes{Row{"Created", "croft.resource.created"},
                            Row{"Updated", "croft.resource.updated"},
                            Row{"Replaced", "croft.resource.updated"},
                            Row{"Started", "croft.resource.started"},
                            Row{"Stopped", "croft.resource.stopped"},
                            Row{"Held", "croft.resource.stopped"},
                            Row{"TenantSuspended", "croft.resource.stopped"},
                            Row{"Destroyed", "croft.resource.destroyed"},
                            Row{"Adopted", "croft.resource.adopted"},
                            Row{"Drifted", "croft.resource.drifted"},
                            Row{"DriftRepaired", "croft.resource.repaired"},
                            Row{"PruneGuarded", "croft.prune.guarded"},
                            Row{"PruneAcknowledged", "croft.prune.acknowledged"}};
constexpr std::array<std::string_view, 6> kFailures{
    "CreateFailed", "UpdateFailed", "ReplaceFailed", "StartFailed", "StopFailed", "DestroyFailed"};

/// The row that the transaction leaves of a resource.
const ResourceRow* row_after(const Transaction& transaction, const Ref& ref, const Before& before) {
  for (auto write = transaction.writes.rbegin(); write != transaction.writes.rend(); ++write) {
    const auto* put = std::get_if<PutResource>(&*write);
    if (put != nullptr && put->row.ref == ref) return &put->row;
  }
  return before.resource(ref);
}

std::string_view type_when_ready(const Condition* ready) {
  if (ready != nullptr && ready->reason == "Asleep") return "croft.resource.asleep";
  if (ready != nullptr && ready->reason == "Completed") return "croft.resource.completed";
  return "croft.resource.ready";
}

/// The type of an event, or nothing.
std::string_view type_of(const EventRow& event, const ResourceRow* row) {
  const Condition* ready = row == nullptr ? nullptr : find_condition(row->conditions, "Ready");
  if (event.severity == Severity::Normal && event.reason == "Ready") return type_when_ready(ready);
  const bool is_unready = event.severity == Severity::Warning && ready != nullptr &&
                          ready->status != ConditionStatus::True && ready->reason == event.reason;
  if (is_unready || std::ranges::find(kFailures, event.reason) != kFailures.end())
    return "croft.resource.failed";
  const auto* known = std::ranges::find(kTypes, event.reason, &Row::first);
  return known == kTypes.end() ? std::string_view() : known->second;
}

std::string_view severity_name(Severity severity) {
  return severity == Severity::Warning ? "Warning" : "Normal";
}

Value common_data(std::string_view tenant, Severity severity, std::string_view reason,
                  std::string_view message) {
  return Value::map({{"tenant", tenant},
                     {"severity", severity_name(severity)},
                     {"reason", reason},
                     {"message", message}});
}

void add_ref(Value& data, const Ref& ref) {
  data.set("ref", to_string(ref));
  data.set("kind", to_string(ref.kind));
  data.set("name", ref.name);
}

NotificationRow notification(std::string_view type, std::string tenant, std::string subject,
                             Timestamp time, Value data) {
  NotificationRow row;
  row.time = time;
  row.tenant = std::move(tenant);
  row.type = type;
  row.subject = std::move(subject);
  row.data = std::make_shared<const Value>(std::move(data));
  return row;
}

std::optional<NotificationRow> from_event(const EventRow& event, const Transaction& transaction,
                                          const Before& before) {
  const Result<Ref> ref = parse_ref(event.subject);
  const ResourceRow* row = ref ? row_after(transaction, *ref, before) : nullptr;
  const std::string_view type = type_of(event, row);
  const bool is_of_resource = type.starts_with("croft.resource.");
  if (type.empty() || (is_of_resource && !ref)) return std::nullopt;
  Value data = common_data(event.tenant, event.severity, event.reason, event.message);
  if (is_of_resource) {
    add_ref(data, *ref);
    data.set("revision", event.revision);
  }
  if (is_of_resource && row != nullptr) {
    data.set("uid", row->uid);
    data.set("provider", row->provider);
    data.set("phase", to_string(row->phase));
  }
  return notification(type, event.tenant, event.subject, event.time, std::move(data));
}

/// "alice" of "alice/main"; nobody of the platform's.
std::string tenant_of_source(const std::string& key) {
  const std::size_t slash = key.find('/');
  return slash == std::string::npos ? std::string() : key.substr(0, slash);
}

NotificationRow about_source(std::string_view type, const SourceRow& row, std::string revision,
                             const Condition& said) {
  const std::string tenant = tenant_of_source(row.key);
  const Severity severity = said.status == ConditionStatus::True && said.type == "Ready"
                                ? Severity::Normal
                                : Severity::Warning;
  Value data = common_data(tenant, severity, said.reason, said.message);
  data.set("source", row.key);
  data.set("revision", revision);
  return notification(type, tenant, row.key, said.since, std::move(data));
}

/// Beside any commit: it cannot be fetched, or something that what is applied needs is not there.
/// NotVerified: who judges signatures did not answer; nothing is said about the commit.
bool is_beside_commits(const Condition& stalled) {
  constexpr std::array<std::string_view, 5> kReasons{"FetchFailed", "SourceMissing", "NotVerified",
                                                     "SecretsBroken", "ProviderNotMade"};
  return std::ranges::find(kReasons, stalled.reason) != kReasons.end();
}

const Condition* stalled_in(const SourceRow* row) {
  return row == nullptr ? nullptr : find_condition(row->conditions, "Stalled");
}

/// `said`, not before the row was written.
Condition told_with(const SourceRow& row, Condition said) {
  said.since = std::max(said.since, row.fetched_at.value_or(Timestamp{}));
  return said;
}

std::optional<NotificationRow> from_applied(const SourceRow& row, const SourceRow* known) {
  const std::string applied_before = known == nullptr ? "" : known->applied_revision;
  if (row.applied_revision.empty() || row.applied_revision == applied_before) return std::nullopt;
  const Condition* ready = find_condition(row.conditions, "Ready");
  Condition said{"Ready", ConditionStatus::True, "Applied", "", {}};
  if (ready != nullptr) said.since = ready->since;
  return about_source("croft.revision.applied", row, row.applied_revision, told_with(row, said));
}

/// What is in a source's way now and was not before, or that nothing is any more.
std::optional<NotificationRow> from_stalled(const SourceRow& row, const SourceRow* known) {
  const Condition* stalled = stalled_in(&row);
  const Condition* before = stalled_in(known);
  if (stalled == nullptr) {
    if (before == nullptr) return std::nullopt;
    const Condition said{
        "Ready", ConditionStatus::True, "Recovered", "over: " + before->reason, {}};
    return about_source("croft.source.recovered", row, row.attempted_revision,
                        told_with(row, said));
  }
  const bool is_other = before == nullptr || before->reason != stalled->reason;
  if (is_beside_commits(*stalled)) {
    if (!is_other) return std::nullopt;
    return about_source("croft.source.failed", row, "", *stalled);
  }
  const bool is_same_commit =
      known != nullptr && known->attempted_revision == row.attempted_revision;
  if (!is_other && is_same_commit) return std::nullopt;
  return about_source("croft.revision.rejected", row, row.attempted_revision,
                      told_with(row, *stalled));
}

void add_of_source(std::vector<NotificationRow>& rows, const SourceRow& row, const Before& before) {
  const SourceRow* known = before.source(row.key);
  // That it is well again comes before what follows from it.
  for (std::optional<NotificationRow> each : {from_stalled(row, known), from_applied(row, known)}) {
    if (each) rows.push_back(std::move(*each));
  }
}

}  // namespace

std::vector<NotificationRow> what_happened(const Transaction& transaction, const Before& before) {
  std::vector<NotificationRow> rows;
  for (const Write& write : transaction.writes) {
    std::optional<NotificationRow> row;
    if (const auto* append = std::get_if<AppendEvent>(&write))
      row = from_event(append->row, transaction, before);
    if (row) rows.push_back(std::move(*row));
    if (const auto* put = std::get_if<PutSource>(&write)) add_of_source(rows, put->row, before);
  }
  return rows;
}

NotificationRow about_webhook(std::string type, const Ref& ref, Severity severity,
                              std::string reason, std::string message, Timestamp now) {
  Value data = common_data(ref.tenant, severity, reason, message);
  add_ref(data, ref);
  return notification(type, ref.tenant, to_string(ref), now, std::move(data));
}

NotificationRow about_quota(const EventRow& event, const plans::ThresholdReached& reached) {
  Value data = common_data(event.tenant, event.severity, event.reason, event.message);
  data.set("quota", reached.quota);
  data.set("percent", reached.percent);
  data.set("used", reached.used);
  data.set("limit", reached.limit);
  return notification("croft.usage.threshold", event.tenant, event.subject, event.time,
                      std::move(data));
}

}  // namespace croft::notify
