#include "reconciler/engine/apply.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include <fmt/format.h>

#include "core/resource/resource.hpp"
#include "reconciler/engine/queue.hpp"
#include "reconciler/secrets.hpp"

namespace croft {

namespace {

using SecretsPtr = std::shared_ptr<const SecretValues>;

enum class StepState { Waiting, Running, Done, Failed, Deferred };

bool is_removal(Action action) { return action == Action::Destroy || action == Action::Stop; }

std::string past_tense(Action action) {
  switch (action) {
    case Action::Create:
      return "Created";
    case Action::Update:
      return "Updated";
    case Action::Replace:
      return "Replaced";
    case Action::Start:
      return "Started";
    case Action::Stop:
      return "Stopped";
    case Action::Destroy:
      return "Destroyed";
    case Action::Adopt:
      return "Adopted";
    case Action::Keep:
      return "Kept";
  }
  return "";
}

/// What goes away needs to know nothing, and must be able to when nothing can be opened.
bool needs_secrets(Action action) {
  return action == Action::Create || action == Action::Update || action == Action::Replace ||
         action == Action::Start;
}

/// A provider's words may repeat what it was given.
Result<void> without_values(Result<void> outcome, const SecretsPtr& secrets) {
  if (outcome || !secrets) return outcome;
  return fail(without_values(outcome.error(), *secrets));
}

Duration deadline_of(const Value* spec) {
  // Long enough for the app's own grace period on top of what a provider needs by itself.
  const Duration grace(spec != nullptr ? spec->integer_or("grace", 10'000) : 10'000);
  return grace + Duration(60'000);
}

/// That something is not as declared is known before it is repaired.
void note_drift(Transaction& transaction, const std::string& tenant, const Change& change,
                const IntentRow& repair) {
  if (!change.is_drift) return;
  EventRow event;
  event.time = repair.created_at;
  event.tenant = tenant;
  event.revision = repair.revision;
  event.subject = to_string(change.ref);
  event.severity = Severity::Warning;
  event.reason = "Drifted";
  event.message = change.why;
  transaction.add(AppendEvent{std::move(event)});
}

}  // namespace

EventRow event_for(const std::string& tenant, const Change& change, const std::string& revision,
                   const Error* error, Timestamp now) {
  EventRow event;
  event.time = now;
  event.tenant = tenant;
  event.subject = to_string(change.ref);
  event.revision = revision;
  if (error != nullptr) {
    event.severity = Severity::Warning;
    event.reason = fmt::format("{}Failed", to_string(change.action));
    event.reason[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(event.reason[0])));
    event.message = error->describe();
  } else {
    event.reason = change.is_drift ? "DriftRepaired" : past_tense(change.action);
    event.message = change.why;
  }
  return event;
}

/// One changeset under way.
struct Applier::Run {
  ApplyOrder order;
  ApplyReport report;
  std::vector<StepState> states;
  int running = 0;
  Signal progress;

  Run(ApplyOrder given, const asio::any_io_executor& executor)
      : order(std::move(given)),
        states(order.changeset.changes.size(), StepState::Waiting),
        progress(executor) {}

  const Change& change(std::size_t index) const { return order.changeset.changes[index]; }

  /// Who must be done before whom: made once, so that each look at a change costs its own
  /// dependencies only.
  void index() {
    std::map<Ref, std::size_t> steps;
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (change(i).action != Action::Keep) steps.emplace(change(i).ref, i);
    }
    before.resize(states.size());
    for (const auto& [ref, i] : steps) {
      for (const Ref& dependency : change(i).depends_on) {
        const auto other = steps.find(dependency);
        if (other == steps.end()) continue;
        // What goes waits for those that stand on it; what comes waits for what it stands on.
        if (!is_removal(change(i).action)) before[i].push_back(other->second);
        if (is_removal(change(other->second).action)) before[other->second].push_back(i);
      }
    }
  }

  /// What the change still waits for: others of this changeset, or dependencies that are not ready.
  enum class Verdict { Runnable, Blocked, Deferred };
  Verdict judge(std::size_t index, std::vector<Ref>& waits_for) const {
    for (const std::size_t other : before[index]) {
      if (states[other] == StepState::Waiting || states[other] == StepState::Running)
        return Verdict::Blocked;
    }
    const Change& mine = change(index);
    if (is_removal(mine.action)) return Verdict::Runnable;
    for (const Ref& dependency : mine.depends_on) {
      if (!is_satisfied(mine, dependency)) waits_for.push_back(dependency);
    }
    return waits_for.empty() ? Verdict::Runnable : Verdict::Deferred;
  }

  bool is_satisfied(const Change& mine, const Ref& dependency) const {
    const DependencyState needed =
        mine.after ? needed_state(*mine.after, dependency) : DependencyState::Ready;
    // What was done a moment ago is not observed yet, and need not be where being there is enough.
    const bool is_enough = is_passive(dependency.kind) || needed == DependencyState::Started;
    return (is_enough && done_now.contains(dependency)) || order.is_ready(dependency, needed);
  }

  std::vector<std::vector<std::size_t>> before;
  std::set<Ref> done_now;  ///< made or started in this run
};

Task<ApplyReport> Applier::apply(ApplyOrder order) {
  auto run = std::make_shared<Run>(std::move(order), executor_);
  for (std::size_t i = 0; i < run->states.size(); ++i) {
    if (run->change(i).action == Action::Keep) run->states[i] = StepState::Done;
  }
  run->index();
  forget_what_needs_no_change(run->order);
  start_what_can(run);
  while (run->running > 0) {
    co_await run->progress.wait(Duration(3'600'000));
    start_what_can(run);
  }
  co_return std::move(run->report);
}

void Applier::start_what_can(const std::shared_ptr<Run>& run) {
  if (run->order.is_superseded()) {
    run->report.was_superseded = true;
    return;
  }
  bool was_held_back = false;
  for (std::size_t i = 0; i < run->states.size(); ++i) {
    if (run->states[i] != StepState::Waiting) continue;
    std::vector<Ref> waits_for;
    switch (run->judge(i, waits_for)) {
      case Run::Verdict::Blocked:
        break;
      case Run::Verdict::Deferred:
        run->states[i] = StepState::Deferred;
        run->report.deferred[run->change(i).ref] = std::move(waits_for);
        break;
      case Run::Verdict::Runnable:
        if (const Failure* failure = held_back(run->change(i))) {
          run->states[i] = StepState::Failed;
          run->report.failed.emplace(run->change(i).ref, failure->error);
          was_held_back = true;
          break;
        }
        run->states[i] = StepState::Running;
        ++run->running;
        spawn(executor_, doing(work_on(*run, i), run_change(run, i)),
              "apply " + to_string(run->change(i).ref));
        break;
    }
  }
  // Those that waited for what is held back can be judged now.
  if (was_held_back) start_what_can(run);
}

WorkPtr Applier::work_on(const Run& run, std::size_t index) {
  WorkPtr work = part_of_current_work();
  const Change& change = run.change(index);
  work->facts.emplace_back("ref", to_string(change.ref));
  if (!change.provider.empty()) work->facts.emplace_back("provider", change.provider);
  return work;
}

Task<> Applier::run_change(std::shared_ptr<Run> run, std::size_t index) {
  Change change = run->change(index);
  const Ref ref = change.ref;
  Result<void> outcome = fail(ErrorCode::Internal, "the change ended with an exception");
  try {
    const std::string_view name = to_string(change.action);
    outcome = co_await traced(std::string(name), apply_one(run->order, std::move(change)));
  } catch (const std::exception& error) {
    outcome = fail(ErrorCode::Internal, error.what());
  }
  run->states[index] = outcome ? StepState::Done : StepState::Failed;
  if (outcome) {
    if (!is_removal(run->change(index).action)) run->done_now.insert(ref);
    ++run->report.applied;
    failures_.erase(ref);
  } else {
    note_failure(run->change(index), outcome.error());
    run->report.failed.emplace(ref, std::move(outcome.error()));
  }
  --run->running;
  run->progress.notify();
}

void Applier::forget_what_needs_no_change(const ApplyOrder& order) {
  std::set<Ref> changing;
  for (const Change& change : order.changeset.changes) {
    if (change.action != Action::Keep) changing.insert(change.ref);
  }
  std::erase_if(failures_, [&](const auto& entry) {
    return entry.first.tenant == order.tenant.name && !changing.contains(entry.first);
  });
}

bool Applier::Failure::is_of(const Change& change) const {
  return was_removal == is_removal(change.action) && spec_digest == change.spec_digest;
}

const Applier::Failure* Applier::held_back(const Change& change) const {
  const auto known = failures_.find(change.ref);
  if (known == failures_.end()) return nullptr;
  const Failure& failure = known->second;
  const bool is_early = std::chrono::steady_clock::now() < failure.not_before;
  return failure.is_of(change) && is_early ? &failure : nullptr;
}

void Applier::note_failure(const Change& change, const Error& error) {
  Failure& failure = failures_[change.ref];
  failure.count = failure.is_of(change) ? failure.count + 1 : 1;
  failure.was_removal = is_removal(change.action);
  failure.spec_digest = change.spec_digest;
  failure.error = error;
  failure.not_before =
      std::chrono::steady_clock::now() + Queue::backoff(failure.count, random_.bytes()[0]);
}

std::optional<Duration> Applier::next_try(const std::string& tenant) const {
  std::optional<Duration> soonest;
  const SteadyTime now = std::chrono::steady_clock::now();
  for (auto it = failures_.lower_bound(Ref{tenant, Kind{}, ""});
       it != failures_.end() && it->first.tenant == tenant; ++it) {
    const auto left = std::chrono::ceil<Duration>(it->second.not_before - now);
    soonest = std::min(soonest.value_or(left), left);
  }
  return soonest;
}

void Applier::forget_failures(const std::string& tenant) {
  std::erase_if(failures_, [&](const auto& entry) { return entry.first.tenant == tenant; });
}

Task<Result<void>> Applier::apply_one(const ApplyOrder& order, Change change) {
  const std::string doing =
      fmt::format("{} of {}", to_string(change.action), to_string(change.ref));
  Result<void> outcome;
  if (change.is_record_only) co_return while_doing(co_await adopt(order, std::move(change)), doing);
  switch (change.action) {
    case Action::Create:
      outcome = co_await create(order, std::move(change));
      break;
    case Action::Start:
      outcome = co_await start(order, std::move(change));
      break;
    case Action::Update:
    case Action::Stop:
      outcome = co_await change_in_place(order, std::move(change));
      break;
    case Action::Replace:
      outcome = co_await replace(order, std::move(change));
      break;
    case Action::Destroy:
      outcome = co_await destroy(order, std::move(change));
      break;
    case Action::Adopt:
      outcome = co_await adopt(order, std::move(change));
      break;
    case Action::Keep:
      break;
  }
  co_return while_doing(std::move(outcome), doing);
}

IntentRow Applier::intent_for(const ApplyOrder& order, const Change& change,
                              std::string_view action, const std::string& provider) {
  IntentRow intent;
  intent.id = random_.id();
  intent.uid = change.uid;
  intent.ref = change.ref;
  intent.action = action;
  intent.provider = provider;
  intent.spec_digest = change.spec_digest;
  intent.created_at = clock_.now();
  const auto desired = order.desired.find(change.ref);
  if (desired != order.desired.end()) intent.revision = desired->second.revision;
  return intent;
}

Task<Result<Effect>> Applier::effect_for(const ApplyOrder& order, const Change& change,
                                         const IntentRow& intent) {
  Effect effect;
  effect.intent = intent.id;
  effect.uid = change.uid;
  effect.ref = change.ref;
  effect.tenant = order.tenant;
  effect.spec = change.after;
  effect.spec_digest = change.spec_digest;
  effect.allow_egress = order.allow_egress;
  effect.deadline = deadline_of(change.after ? change.after.get() : change.before.get());
  const auto desired = order.desired.find(change.ref);
  if (desired != order.desired.end() && order.secrets && needs_secrets(change.action)) {
    const Value& named = change.after ? *change.after : *desired->second.spec;
    CO_TRY_ASSIGN(SecretValues values, order.secrets(desired->second, named));
    if (!values.empty()) effect.secrets = std::make_shared<const SecretValues>(std::move(values));
  }
  if (change.after && desired != order.desired.end()) {
    const Value& spec = *change.after;
    if (spec.at_path("files.tree") != nullptr) {
      std::string path = spec.text_or("files.path", "");
      CO_TRY_ASSIGN(effect.files, co_await order.files(desired->second, std::move(path)));
    }
    const Value* files = spec.find("files");
    if (spec.find("build") != nullptr || (files != nullptr && files->is_list())) {
      CO_TRY_ASSIGN(effect.source, co_await order.files(desired->second, "."));
    }
  }
  co_return effect;
}

Task<Result<void>> Applier::close_intent(IntentRow intent, Result<void> outcome,
                                         std::vector<Write> on_success, const ApplyOrder& order,
                                         const Change& change) {
  intent.state = outcome ? IntentState::Done : IntentState::Failed;
  Transaction transaction;
  if (outcome) {
    for (Write& write : on_success) transaction.writes.push_back(std::move(write));
  } else {
    intent.error = outcome.error().describe();
  }
  const Error* error = outcome ? nullptr : &outcome.error();
  transaction.add(
      AppendEvent{event_for(order.tenant.name, change, intent.revision, error, clock_.now())});
  transaction.add(PutIntent{std::move(intent)});
  CO_TRY(co_await journal_.commit(std::move(transaction)));
  co_return outcome;
}

Task<Result<void>> Applier::create(const ApplyOrder& order, Change change) {
  const ProviderLane* lane = order.lane(change.provider);
  if (lane == nullptr)
    co_return fail(ErrorCode::Unavailable, "provider '" + change.provider + "' is not there");
  const auto desired = order.desired.find(change.ref);
  if (desired == order.desired.end()) co_return fail(ErrorCode::Internal, "it is not declared");
  const auto known = journal_.resources().find(change.uid);
  ResourceRow row;
  if (known != journal_.resources().end()) row = known->second;
  if (row.uid.empty()) {
    row.uid = change.uid.empty() ? random_.id() : change.uid;
    row.created_at = clock_.now();
  }
  change.uid = row.uid;
  row.ref = change.ref;
  row.source = desired->second.source;
  row.provider = change.provider;
  row.state = InventoryState::Owned;
  row.retained_until.reset();
  row.attempted_revision = desired->second.revision;

  // The inventory names it before it exists, so that nothing half-made is ever forgotten.
  IntentRow intent = intent_for(order, change, "create", change.provider);
  Transaction before;
  before.add(PutResource{row}).add(PutIntent{intent});
  note_drift(before, order.tenant.name, change, intent);
  CO_TRY(co_await journal_.commit(std::move(before)));

  Result<Effect> effect = co_await effect_for(order, change, intent);
  Result<void> outcome;
  if (effect) {
    const SecretsPtr secrets = effect->secrets;
    const EffectPermits::Permit permit = co_await lane->permits->acquire(order.tenant.name);
    outcome = co_await traced("provider create", lane->provider->create(std::move(*effect)));
    outcome = without_values(std::move(outcome), secrets);
  } else {
    outcome = std::unexpected(std::move(effect.error()));
  }
  const auto now_known = journal_.resources().find(row.uid);
  if (now_known != journal_.resources().end()) row = now_known->second;
  row.applied = change.after;
  row.applied_revision = desired->second.revision;
  std::vector<Write> writes{PutResource{std::move(row)}};
  co_return co_await close_intent(std::move(intent), std::move(outcome), std::move(writes), order,
                                  change);
}

Task<Result<void>> Applier::change_in_place(const ApplyOrder& order, Change change) {
  const ProviderLane* lane = order.lane(change.provider);
  if (lane == nullptr)
    co_return fail(ErrorCode::Unavailable, "provider '" + change.provider + "' is not there");
  IntentRow intent = intent_for(order, change, to_string(change.action), change.provider);
  Transaction before;
  before.add(PutIntent{intent});
  note_drift(before, order.tenant.name, change, intent);
  CO_TRY(co_await journal_.commit(std::move(before)));

  Result<Effect> effect = co_await effect_for(order, change, intent);
  Result<void> outcome;
  if (effect) {
    const SecretsPtr secrets = effect->secrets;
    const EffectPermits::Permit permit = co_await lane->permits->acquire(order.tenant.name);
    if (change.action == Action::Update) {
      outcome = co_await traced("provider update", lane->provider->update(std::move(*effect)));
    } else if (change.action == Action::Start) {
      outcome = co_await traced("provider start", lane->provider->start(std::move(*effect)));
    } else {
      outcome = co_await traced("provider stop", lane->provider->stop(std::move(*effect)));
    }
    outcome = without_values(std::move(outcome), secrets);
  } else {
    outcome = std::unexpected(std::move(effect.error()));
  }
  std::vector<Write> writes;
  const auto row = journal_.resources().find(change.uid);
  if (change.after && row != journal_.resources().end()) {
    ResourceRow updated = row->second;
    updated.applied = change.after;
    const auto desired = order.desired.find(change.ref);
    if (desired != order.desired.end() && change.action != Action::Stop) {
      updated.applied_revision = desired->second.revision;
      updated.source = desired->second.source;
    }
    writes.emplace_back(PutResource{std::move(updated)});
  }
  co_return co_await close_intent(std::move(intent), std::move(outcome), std::move(writes), order,
                                  change);
}

Task<Result<void>> Applier::start(const ApplyOrder& order, Change change) {
  if (change.stops_first) {
    // Two effects, so two intents: a provider does each intent once.
    Change stop = change;
    stop.action = Action::Stop;
    CO_TRY(co_await change_in_place(order, std::move(stop)));
  }
  co_return co_await change_in_place(order, std::move(change));
}

Task<Result<void>> Applier::replace(const ApplyOrder& order, Change change) {
  const auto row = journal_.resources().find(change.uid);
  if (row == journal_.resources().end())
    co_return fail(ErrorCode::Internal, "it is not in the inventory");
  const std::string old_provider =
      change.provider_before.empty() ? row->second.provider : change.provider_before;
  const ProviderLane* lane = order.lane(old_provider);
  if (lane == nullptr)
    co_return fail(ErrorCode::Unavailable, "provider '" + old_provider + "' is not there");
  IntentRow intent = intent_for(order, change, "destroy", old_provider);
  Transaction before;
  before.add(PutIntent{intent});
  CO_TRY(co_await journal_.commit(std::move(before)));
  Effect effect;
  effect.intent = intent.id;
  effect.uid = change.uid;
  effect.ref = change.ref;
  effect.tenant = order.tenant;
  effect.deadline = deadline_of(change.before.get());
  Result<void> outcome;
  {
    const EffectPermits::Permit permit = co_await lane->permits->acquire(order.tenant.name);
    outcome = co_await traced("provider destroy",
                              lane->provider->destroy(std::move(effect), DataPolicy::Keep));
  }
  std::vector<Write> nothing;
  CO_TRY(co_await close_intent(std::move(intent), std::move(outcome), std::move(nothing), order,
                               change));
  co_return co_await create(order, std::move(change));
}

Task<Result<void>> Applier::destroy(const ApplyOrder& order, Change change) {
  const auto row = journal_.resources().find(change.uid);
  if (row == journal_.resources().end()) co_return Result<void>();
  const ProviderLane* lane = order.lane(change.provider);
  if (lane == nullptr)
    co_return fail(ErrorCode::Unavailable, "provider '" + change.provider + "' is not there");
  IntentRow intent =
      intent_for(order, change, change.erases_data ? "erase" : "destroy", change.provider);
  Transaction before;
  before.add(PutIntent{intent});
  CO_TRY(co_await journal_.commit(std::move(before)));

  Effect effect;
  effect.intent = intent.id;
  effect.uid = change.uid;
  effect.ref = change.ref;
  effect.tenant = order.tenant;
  effect.deadline = deadline_of(change.before.get());
  Result<void> outcome;
  {
    const EffectPermits::Permit permit = co_await lane->permits->acquire(order.tenant.name);
    const DataPolicy data = change.erases_data ? DataPolicy::Erase : DataPolicy::Keep;
    outcome = co_await traced("provider destroy", lane->provider->destroy(std::move(effect), data));
  }
  std::vector<Write> writes;
  if (change.erases_data) {
    writes.emplace_back(EraseResource{change.uid});
  } else {
    ResourceRow kept = journal_.resources().at(change.uid);
    kept.state = InventoryState::Retained;
    kept.phase = Phase::Destroyed;
    kept.endpoint.clear();
    kept.conditions.clear();
    const std::int64_t after = change.before ? change.before->integer_or("deletion.after", 0) : 0;
    kept.retained_until = clock_.now() + (after > 0 ? Duration(after) : order.retention);
    writes.emplace_back(PutResource{std::move(kept)});
  }
  co_return co_await close_intent(std::move(intent), std::move(outcome), std::move(writes), order,
                                  change);
}

Task<Result<void>> Applier::adopt(const ApplyOrder& order, Change change) {
  const auto known = journal_.resources().find(change.uid);
  const auto desired = order.desired.find(change.ref);
  if (known == journal_.resources().end() || desired == order.desired.end())
    co_return Result<void>();
  ResourceRow row = known->second;
  row.applied = change.after;
  row.applied_revision = desired->second.revision;
  Transaction transaction;
  transaction.add(PutResource{std::move(row)});
  transaction.add(AppendEvent{
      event_for(order.tenant.name, change, desired->second.revision, nullptr, clock_.now())});
  co_return co_await journal_.commit(std::move(transaction));
}

}  // namespace croft
