#include "providers/process/sight.hpp"

namespace croft {

namespace {

void describe_living(Observed& seen, const shim::Line& state) {
  seen.phase = phase_from(state.text("phase")).value_or(Phase::Created);
  seen.reason = state.text("reason");
  seen.message = state.text("message");
  seen.restarts = static_cast<int>(state.number("restarts"));
  if (const long long started = state.number("started"); started > 0) {
    seen.started_at = Timestamp(Duration(started));
  }
}

void describe_dead(Observed& seen, const AppSight& sight) {
  if (!sight.record->is_wanted) {
    seen.phase = Phase::Stopped;
  } else if (!sight.state || sight.state->text("phase") == "Created") {
    seen.phase = Phase::Created;
    seen.message = "not started yet";
  } else {
    seen.phase = Phase::Failed;
    seen.reason = "SupervisorGone";
    seen.message = "its supervisor ended, as when the machine restarts, and the app with it";
  }
}

}  // namespace

Observed describe_sight(const AppSight& sight, const ProcessLayout& layout) {
  const AppRecord& record = *sight.record;
  Observed seen{.uid = record.uid,
                .ref = record.ref,
                .tenant_uid = record.tenant.uid,
                .intent = record.intent,
                .spec_digest = record.digest,
                .fields = record.spec};
  if (sight.is_alive && sight.state) {
    describe_living(seen, *sight.state);
  } else if (!sight.is_alive) {
    describe_dead(seen, sight);
  }
  // The record is written before the effect: until there was a run, the intent is not done.
  if (seen.phase == Phase::Created) seen.intent.clear();
  const bool has_app = seen.phase == Phase::Running || seen.phase == Phase::Starting;
  if (has_app) seen.endpoint = Endpoint{Endpoint::Scheme::Shim, layout.dial(record.uid).string()};
  return seen;
}

Result<std::vector<Observed>> observe_apps(const Launcher& launcher) {
  std::vector<Observed> all;
  for (const std::string& uid : launcher.list()) {
    Result<AppSight> sight = launcher.look(uid);
    // One unreadable record must not hide the others; but an app that seems absent would be made a
    // second time.
    if (!sight) return fail(std::move(sight.error()).while_doing("looking at the app " + uid));
    if (!sight->record) continue;
    all.push_back(describe_sight(*sight, launcher.layout()));
    // Where nothing isolates, everything reaches the outside, whatever the record says.
    if (launcher.settings().isolation == ProcessSettings::Isolation::Full)
      all.back().allows_egress = sight->record->allow_egress;
  }
  return all;
}

}  // namespace croft
