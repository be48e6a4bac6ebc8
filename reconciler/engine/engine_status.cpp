// What is reported: conditions, phases, health, routes, usage.

#include <algorithm>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "reconciler/engine/engine_impl.hpp"
#include "reconciler/engine/stack_status.hpp"

namespace croft {

namespace {

std::string join(const std::vector<Ref>& refs) {
  std::string text;
  for (const Ref& ref : refs) text += (text.empty() ? "" : ", ") + local_name(ref);
  return text;
}

/// What an earlier control knew of this run's health: a new one must not take an app that was ready
/// out of traffic until its own first check ends.
HealthState remembered_health(const ResourceRow& row, const Observed& observed) {
  const Condition* known = find_condition(row.conditions, "Ready");
  const bool was_ready = known != nullptr && known->status == ConditionStatus::True &&
                         known->reason == "Running" && row.phase == Phase::Running &&
                         row.endpoint == endpoints_text(observed) && observed.started_at &&
                         *observed.started_at <= known->since;
  return was_ready ? HealthState{Health::Passing, true, false, ""} : HealthState{};
}

void set_or_clear(std::vector<Condition>& conditions, std::string type, std::string reason,
                  const std::optional<std::string>& message, Timestamp now) {
  if (message) {
    set_condition(conditions,
                  {std::move(type), ConditionStatus::True, std::move(reason), *message, now});
  } else {
    clear_condition(conditions, type);
  }
}

/// What the provider runs something without, or nothing. Egress that cannot be kept within bounds
/// is never given, so that its absence takes nothing away.
std::optional<std::string> unenforced(const Capabilities& capabilities, bool has_volumes) {
  std::string text;
  for (const Capabilities::Missing& one : capabilities.missing) {
    if (one.what == "egress" || (one.what == "storage" && !has_volumes)) continue;
    text += (text.empty() ? "" : "; ") + one.what + ": " + one.why;
  }
  return text.empty() ? std::nullopt : std::optional(text);
}

/// Whether a Service has a health check of its own, which its provider runs.
bool checks_itself(const Value& spec) {
  const Value* test = spec.at_path("health.test");
  return test != nullptr && test->is_list() && test->size() > 0 &&
         test->as_list().front() != Value("NONE");
}

/// Passing states on the way to something are no news.
bool is_news(const Condition& ready) {
  return ready.reason != "Starting" && ready.reason != "Pending";
}

}  // namespace

const Observed* EngineImpl::observed_of(const ResourceRow& row) const {
  const auto provider = providers_.find(row.provider);
  if (provider == providers_.end() || !provider->second.observer) return nullptr;
  const auto snapshot = provider->second.observer->latest();
  if (!snapshot) return nullptr;
  const auto seen = snapshot->by_uid.find(row.uid);
  return seen == snapshot->by_uid.end() ? nullptr : &seen->second;
}

ReadinessInput EngineImpl::readiness_input(const ResourceRow& row) const {
  ReadinessInput input;
  const auto provider = providers_.find(row.provider);
  input.observed = observed_of(row);
  if (provider == providers_.end()) {
    input.provider_answers = false;
    input.provider_error = fmt::format("provider '{}' is not declared", row.provider);
  } else if (!provider->second.error.empty() || !provider->second.observe_error.empty()) {
    input.provider_answers = false;
    input.provider_error =
        provider->second.error.empty() ? provider->second.observe_error : provider->second.error;
  }
  if (row.applied && row.ref.kind == Kind::Instance) {
    input.has_health_check = health_check_of(row.ref, *row.applied).has_value();
    const bool is_unchecked = input.observed != nullptr && !health_.is_watching(row.uid);
    input.health = is_unchecked ? remembered_health(row, *input.observed) : health_.state(row.uid);
  }
  if (row.applied && row.ref.kind == Kind::Service && checks_itself(*row.applied)) {
    input.has_health_check = true;
    if (input.observed != nullptr) {
      input.health = remembered_health(row, *input.observed);
      input.health.health = input.observed->health;
      input.health.message = input.observed->message;
    }
  }
  const auto tenant = catalog_.tenants.find(row.ref.tenant);
  if (tenant != catalog_.tenants.end() && tenant->second.is_suspended) {
    input.held_reason = "TenantSuspended";
    input.held_message = "its tenant is suspended";
  }
  for (const DirectiveRow& directive : journal_.directives_of(row.ref.tenant, clock_.now())) {
    if (!concerns(directive.ref, row.ref) || directive.verb != DirectiveVerb::Stop ||
        !input.held_reason.empty())
      continue;
    input.held_reason = "Held";
    input.held_message = fmt::format("stopped by {}{}", directive.by,
                                     directive.why.empty() ? "" : ": " + directive.why);
  }
  return input;
}

bool EngineImpl::is_ready(const Ref& ref, DependencyState needed) const {
  const ResourceRow* row = journal_.resource_of(ref);
  if (row == nullptr || row->state != InventoryState::Owned) return false;
  const Observed* observed = observed_of(*row);
  const bool is_completed = observed != nullptr && observed->phase == Phase::Completed;
  if (needed == DependencyState::Completed) return is_completed;
  if (needed == DependencyState::Started)
    return is_completed || (observed != nullptr && observed->phase == Phase::Running) ||
           (observed != nullptr && observed->phase == Phase::Starting);
  return readiness(readiness_input(*row), clock_.now()).status == ConditionStatus::True;
}

void EngineImpl::watch_health(const ResourceRow& row, const Observed* observed) {
  const auto check = row.applied && row.ref.kind == Kind::Instance
                         ? health_check_of(row.ref, *row.applied)
                         : std::nullopt;
  const bool can_check =
      check && observed != nullptr && observed->phase == Phase::Running &&
      (!check->command.empty() || (observed->endpoint.scheme != Endpoint::Scheme::None &&
                                   observed->endpoint.scheme != Endpoint::Scheme::Https));
  if (!can_check) {
    health_.forget(row.uid);
    return;
  }
  const std::string run =
      fmt::format("{}/{}/{}", observed->restarts, observed->spec_digest,
                  observed->started_at ? format_time(*observed->started_at) : "");
  const auto provider = providers_.find(row.provider);
  const std::shared_ptr<Provider> adapter = provider->second.lane.provider;
  health_.watch(row.uid, *check, observed->endpoint, run, remembered_health(row, *observed),
                [adapter](std::string uid, std::vector<std::string> command, Duration deadline) {
                  return adapter->exec(std::move(uid), std::move(command), deadline);
                });
}

Task<Result<void>> EngineImpl::note_status(std::string tenant, ApplyReport report,
                                           std::optional<Guard> guard) {
  Transaction transaction;
  const Timestamp now = clock_.now();
  const TenantRow* owner = journal_.tenant_named(tenant);
  const std::string tenant_uid = owner != nullptr ? owner->uid : "";
  const auto state = tenant_states_.find(tenant);
  for (const ResourceRow* known : journal_.resources_of(tenant)) {
    const Observed* observed =
        known->state == InventoryState::Owned ? observed_of(*known) : nullptr;
    for (Write& write : usage_.note(tenant_uid, known->uid, known->provider, observed)) {
      transaction.writes.push_back(std::move(write));
    }
    if (known->state != InventoryState::Owned) {
      health_.forget(known->uid);
      continue;
    }
    watch_health(*known, observed);
    ResourceRow row = *known;
    note_one(row, observed, report, guard, now);
    if (state != tenant_states_.end()) {
      const auto desired = state->second.desired.find(row.ref);
      if (desired != state->second.desired.end()) {
        const bool is_current = row.applied && !guard && !report.was_superseded &&
                                !report.failed.contains(row.ref) &&
                                !report.deferred.contains(row.ref);
        row.attempted_revision = desired->second.revision;
        if (is_current) {
          row.applied_revision = desired->second.revision;
          row.source = desired->second.source;
        }
      }
    }
    const bool differs = row.phase != known->phase || row.endpoint != known->endpoint ||
                         row.message != known->message || row.conditions != known->conditions ||
                         row.applied_revision != known->applied_revision ||
                         row.attempted_revision != known->attempted_revision;
    if (!differs) continue;
    add_ready_event(transaction, *known, row, now);
    row.observed_at = now;
    transaction.add(PutResource{std::move(row)});
  }
  if (transaction.writes.empty()) co_return Result<void>();
  co_return co_await journal_.commit(std::move(transaction));
}

void EngineImpl::note_one(ResourceRow& row, const Observed* observed, const ApplyReport& report,
                          const std::optional<Guard>& guard, Timestamp now) const {
  const ReadinessInput input = readiness_input(row);
  if (input.provider_answers) {
    row.phase = observed != nullptr ? observed->phase : Phase::Created;
    row.endpoint = observed != nullptr ? endpoints_text(*observed) : "";
    row.message = observed != nullptr ? observed->message : "";
  }
  Condition ready = readiness(input, now);
  const auto failed = report.failed.find(row.ref);
  const auto deferred = report.deferred.find(row.ref);
  if (failed != report.failed.end()) {
    const std::string text = failed->second.describe();
    ready = Condition{"Ready", ConditionStatus::False, "ApplyFailed", text, now};
    set_condition(row.conditions, {"Stalled", ConditionStatus::True, "ApplyFailed", text, now});
  } else {
    clear_condition(row.conditions, "Stalled");
  }
  if (deferred != report.deferred.end()) {
    ready = Condition{"Ready", ConditionStatus::False, "DependencyNotReady",
                      "waits for " + join(deferred->second), now};
  }
  const bool is_moving =
      ready.reason == "Starting" || ready.reason == "Pending" || deferred != report.deferred.end();
  if (is_moving) {
    set_condition(row.conditions,
                  {"Reconciling", ConditionStatus::True, ready.reason, ready.message, now});
  } else {
    clear_condition(row.conditions, "Reconciling");
  }
  set_condition(row.conditions, std::move(ready));
  note_circumstances(row, observed, guard, now);
}

void EngineImpl::note_circumstances(ResourceRow& row, const Observed* observed,
                                    const std::optional<Guard>& guard, Timestamp now) const {
  std::optional<std::string> excess;
  if (observed != nullptr && observed->reason == "StorageExceeded") excess = observed->message;
  set_or_clear(row.conditions, "StorageExceeded", "StorageExceeded", excess, now);

  std::optional<std::string> guarded;
  if (guard) guarded = guard->message;
  set_or_clear(row.conditions, "PruneGuarded", guard ? guard->reason : "", guarded, now);

  std::optional<std::string> suspended;
  for (const DirectiveRow& directive : journal_.directives_of(row.ref.tenant, now)) {
    if (!concerns(directive.ref, row.ref) || directive.verb != DirectiveVerb::Suspend) continue;
    suspended = fmt::format("suspended by {}{}", directive.by,
                            directive.why.empty() ? "" : ": " + directive.why);
  }
  set_or_clear(row.conditions, "Suspended", "Suspended", suspended, now);

  std::optional<std::string> lacking;
  const auto provider = providers_.find(row.provider);
  const bool runs_apps =
      is_workload(row.ref.kind) && provider != providers_.end() && provider->second.lane.provider;
  if (runs_apps) {
    const bool has_volumes = row.applied && row.applied->find("volumes") != nullptr;
    lacking = unenforced(provider->second.lane.provider->capabilities(), has_volumes);
  }
  set_or_clear(row.conditions, "Unenforced", "Unenforced", lacking, now);
}

void EngineImpl::add_ready_event(Transaction& transaction, const ResourceRow& before,
                                 const ResourceRow& after, Timestamp now) const {
  const Condition* old_ready = find_condition(before.conditions, "Ready");
  const Condition* new_ready = find_condition(after.conditions, "Ready");
  const bool is_same = old_ready != nullptr && new_ready != nullptr &&
                       old_ready->status == new_ready->status &&
                       old_ready->reason == new_ready->reason;
  if (new_ready == nullptr || is_same || !is_news(*new_ready)) return;
  EventRow event;
  event.time = now;
  event.tenant = after.ref.tenant;
  event.subject = to_string(after.ref);
  const bool is_good = new_ready->status == ConditionStatus::True;
  event.severity = is_good || new_ready->reason == "Held" || new_ready->reason == "TenantSuspended"
                       ? Severity::Normal
                       : Severity::Warning;
  event.reason = is_good ? "Ready" : new_ready->reason;
  event.message = new_ready->message;
  event.revision = after.applied_revision;
  transaction.add(AppendEvent{std::move(event)});
}

std::string EngineImpl::url_of(const ResourceRow& row) const {
  // Elsewhere: whoever runs it serves it there.
  if (row.endpoint.starts_with("https://")) return row.endpoint;
  const auto tenant = tenant_states_.find(row.ref.tenant);
  if (tenant == tenant_states_.end() || !tenant->second.claims) return "";
  std::string custom;
  std::string own;
  // Sorted by ref, as claims_of() gives them.
  for (const HostClaim& claim :
       std::ranges::equal_range(*tenant->second.claims, row.ref, {}, &HostClaim::ref)) {
    const bool is_own = claim.host == host_label(row.ref) + "." + settings_.domain;
    (is_own ? own : custom) = claim.host;
  }
  const std::string& host = custom.empty() ? own : custom;
  return host.empty() ? "" : fmt::format("http://{}{}", host, settings_.url_suffix);
}

std::vector<ResourceStatus> EngineImpl::status(const std::string& tenant) const {
  std::vector<ResourceStatus> all;
  for (const auto& [uid, row] : journal_.resources()) {
    if ((!tenant.empty() && row.ref.tenant != tenant) || row.state != InventoryState::Owned)
      continue;
    ResourceStatus status;
    status.ref = row.ref;
    status.uid = row.uid;
    status.provider = row.provider;
    status.source = row.source;
    status.phase = row.phase;
    status.conditions = row.conditions;
    std::stable_sort(status.conditions.begin(), status.conditions.end(),
                     [](const Condition& a, const Condition& b) {
                       return a.type == "Ready" && b.type != "Ready";
                     });
    status.attempted_revision = row.attempted_revision;
    status.applied_revision = row.applied_revision;
    status.url = url_of(row);
    status.message = row.message;
    const Observed* observed = observed_of(row);
    status.restarts = observed != nullptr ? observed->restarts : 0;
    status.created_at = row.created_at;
    status.observed_at = row.observed_at;
    status.spec = row.applied;
    for (const DirectiveRow& directive : journal_.directives_of(row.ref.tenant, clock_.now())) {
      if (concerns(directive.ref, row.ref)) status.directives.push_back(directive);
    }
    all.push_back(std::move(status));
  }
  for (ResourceStatus& stack : stack_statuses(all)) all.push_back(std::move(stack));
  add_webhooks(tenant, all);
  add_secrets(tenant, all);
  std::sort(all.begin(), all.end(),
            [](const ResourceStatus& a, const ResourceStatus& b) { return a.ref < b.ref; });
  return all;
}

std::vector<SourceStatus> EngineImpl::sources(const std::string& tenant) const {
  std::vector<SourceStatus> all;
  for (const auto& [key, state] : sources_) {
    const SourceDeclaration& declaration = state.keeper->declaration();
    if (!tenant.empty() && declaration.tenant != tenant) continue;
    SourceStatus status;
    status.key = key;
    status.tenant = declaration.tenant;
    status.url = declaration.url;
    status.ref = declaration.ref;
    if (state.candidate) status.candidate_revision = state.candidate->commit;
    status.passed_revision = state.passed_revision;
    status.receiver = declaration.receiver;
    status.commit_status = declaration.commit_status;
    const auto row = journal_.sources().find(key);
    if (row != journal_.sources().end()) {
      status.attempted_revision = row->second.attempted_revision;
      status.applied_revision = row->second.applied_revision;
      status.conditions = row->second.conditions;
      status.fetched_at = row->second.fetched_at;
    }
    all.push_back(std::move(status));
  }
  return all;
}

std::vector<Engine::HostRoute> EngineImpl::routes() const {
  std::vector<HostRoute> routes;
  for (const auto& [uid, row] : journal_.resources()) {
    if (row.state != InventoryState::Owned || !row.applied) continue;
    HostRoute route;
    route.ref = to_string(row.ref);
    const Condition* noted = find_condition(row.conditions, "Ready");
    Condition ready = noted != nullptr ? *noted : Condition{"Ready"};
    // Until a provider was observed, what the journal says it had last is the best there is.
    bool serves = row.phase == Phase::Running;
    if (observed_of(row) != nullptr) {
      const ReadinessInput input = readiness_input(row);
      serves = takes_traffic(input);
      // What was observed after the journal's last note: no page says "Running" of what is stopped.
      if (!serves && ready.status == ConditionStatus::True) ready = readiness(input, clock_.now());
    }
    route.state = ready.reason.empty() ? "Pending" : ready.reason;
    route.message = ready.message;
    Desired applied;
    applied.ref = row.ref;
    applied.spec = row.applied;
    for (const HostClaim& claim : claims_of({{row.ref, applied}}, settings_.domain)) {
      route.host = claim.host;
      if (serves) route.endpoint = endpoint_for(row.endpoint, claim.port);
      routes.push_back(route);
    }
  }
  return routes;
}

}  // namespace croft
