// One tenant's pass: work out what should be, look at what is, diff, ask the guard, apply, report.

#include <algorithm>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "reconciler/engine/engine_impl.hpp"
#include "reconciler/notify/what_happened.hpp"

namespace croft {

namespace {

/// "3f2a9c1", or several with commas between; what is no commit as it is.
void append_revision(std::string& text, const std::string& commit) {
  constexpr std::size_t kShort = 7;
  const bool is_commit = commit.size() == 40 && commit.find(' ') == std::string::npos;
  text += (text.empty() ? "" : ", ") + (is_commit ? commit.substr(0, kShort) : commit);
}

std::string revisions_of(const Prepared& prepared) {
  std::string text;
  for (const auto& [key, load] : prepared.loads) append_revision(text, load->commit);
  return text;
}

/// The sources of what failed or waits: what they declare, or declared before.
std::set<std::string> unfinished_sources(const World& world, const ApplyReport& report) {
  std::set<std::string> sources;
  const auto add = [&](const Ref& ref) {
    const auto desired = world.desired.find(ref);
    if (desired != world.desired.end()) sources.insert(desired->second.source);
    for (const ResourceRow& row : world.inventory) {
      if (row.ref == ref) sources.insert(row.source);
    }
  };
  for (const auto& [ref, error] : report.failed) add(ref);
  for (const auto& [ref, waits_for] : report.deferred) add(ref);
  return sources;
}

}  // namespace

std::vector<Problem> declared_in(const SourceLoad& load, const std::vector<Problem>& problems) {
  std::vector<Problem> mine;
  for (const Problem& problem : problems) {
    const bool is_declared_here =
        std::any_of(load.resources->begin(), load.resources->end(),
                    [&](const Resource& resource) { return resource.ref == problem.ref; });
    if (is_declared_here) mine.push_back(problem);
  }
  return mine;
}

Task<Outcome> EngineImpl::tenant_pass(std::string tenant) {
  Result<Changeset> done = co_await pass(tenant, std::nullopt, Asked::ByItself);
  notify();
  if (!done) {
    if (done.error().is_retryable()) co_return Retry{std::move(done.error())};
    co_return Terminal{std::move(done.error())};
  }
  Duration delay = settings_.resync;
  const Timestamp now = clock_.now();
  for (const DirectiveRow& directive : journal_.directives_of(tenant, now)) {
    if (directive.until) delay = std::min(delay, std::max(Duration(100), *directive.until - now));
  }
  if (const auto next_try = applier_.next_try(tenant))
    delay = std::min(delay, std::max(Duration(100), *next_try));
  if (const auto governed = next_governed(tenant))
    delay = std::min(delay, std::max(Duration(100), *governed));
  co_return After{delay};
}

Task<Result<TenantIdentity>> EngineImpl::identify(std::string tenant) {
  const TenantRow* known = journal_.tenant_named(tenant);
  if (known != nullptr) co_return TenantIdentity{known->uid, known->name, known->number};
  TenantRow row;
  row.uid = random_.id();
  row.name = tenant;
  row.created_at = clock_.now();
  Transaction transaction;
  transaction.add(PutTenant{std::move(row)});
  CO_TRY(co_await journal_.commit(std::move(transaction)));
  known = journal_.tenant_named(tenant);
  if (known == nullptr)
    co_return fail(ErrorCode::Internal, "a tenant that was just stored is not there");
  co_return TenantIdentity{known->uid, known->name, known->number};
}

Task<Result<Changeset>> EngineImpl::pass(std::string tenant, std::optional<std::string> expect,
                                         Asked asked) {
  TenantState& state = tenant_states_.try_emplace(tenant, executor_).first->second;
  const Semaphore::Permit turn = co_await state.turn->acquire();
  WorkPtr work = work_on_tenant(tenant);
  Task<Result<Changeset>> whole = traced("pass", told_pass(tenant, std::move(expect), asked));
  co_return co_await doing(std::move(work), std::move(whole));
}

/// Says what became of it while it is known what it was about.
Task<Result<Changeset>> EngineImpl::told_pass(std::string tenant, std::optional<std::string> expect,
                                              Asked asked) {
  Result<Changeset> done = co_await pass_now(std::move(tenant), std::move(expect), asked);
  // Whoever asked by hand is told by the answer.
  if (!done && asked == Asked::ByItself)
    log_warning("reconciler", "a pass failed", {{"error", done.error().describe()}});
  co_return done;
}

Task<Result<Changeset>> EngineImpl::pass_now(std::string tenant, std::optional<std::string> expect,
                                             Asked asked) {
  TenantState& state = tenant_states_.at(tenant);
  const SteadyTime begun = std::chrono::steady_clock::now();
  const std::int64_t traced_from = span_time();
  if (!catalog_.tenants.contains(tenant) && journal_.tenant_named(tenant) == nullptr) {
    co_return Changeset{};
  }
  CO_TRY_ASSIGN(const TenantIdentity identity, co_await identify(tenant));
  CO_TRY_ASSIGN(Prepared prepared, co_await traced("prepare", prepare(tenant, std::nullopt, true)));
  note_fact("revision", revisions_of(prepared));
  const Span late = join_push(prepared, traced_from);
  std::vector<std::string> warnings;
  if (prepared.problems.empty() && has_candidate(prepared)) {
    note_storage_used(prepared.world);
    Admission admission = admission_of(prepared);
    prepared.refusals = std::move(admission.refusals);
    prepared.reached = std::move(admission.reached);
    warnings = std::move(admission.warnings);
  }
  if (!prepared.problems.empty() || !prepared.refusals.empty()) {
    CO_TRY(co_await judge_candidates(tenant, prepared));
  }
  CO_TRY(co_await traced("observe", observe_into(prepared.world, begun)));
  CO_TRY(co_await resolve_intents(tenant, prepared.world));
  CO_TRY(co_await expire_retained(tenant, identity));
  prepared.world.inventory.clear();
  for (const ResourceRow* row : journal_.resources_of(tenant))
    prepared.world.inventory.push_back(*row);
  CO_TRY(co_await govern(prepared.world));
  const Timestamp directed_at = clock_.now();
  CO_TRY(co_await end_stops(prepared.world, directed_at));
  prepared.world.directives = journal_.directives_of(tenant, directed_at);

  prepared.world.wants_digest = asked == Asked::ByHand;
  Span diffing = Span::part_of(current_work()->span, "diff");
  Changeset changeset = croft::diff(prepared.world);
  diffing.end();
  name_revisions(changeset, prepared);
  changeset.notes.insert(changeset.notes.end(), warnings.begin(), warnings.end());
  if (expect && !(expect->size() >= 4 && changeset.digest.starts_with(*expect))) {
    co_return fail(
        Error(ErrorCode::Conflict, fmt::format("the changeset of '{}' is {} now, not {}", tenant,
                                               changeset.digest.substr(0, 12), *expect))
            .with_hint("something moved since it was shown; look at `croft diff` again"));
  }
  if (!changeset.guard) {
    CO_TRY(co_await forget_acknowledgements(tenant));
  }
  const bool may_go_on = co_await is_cleared(tenant, changeset, prepared.loads);
  if (may_go_on) {
    state.guarded.reset();
    CO_TRY(co_await accept_candidates(tenant, prepared));
    state.accepted.reset();
  } else {
    if (!state.accepted) state.accepted = state.desired;
    auto kept = std::make_shared<const Prepared>(prepared);
    state.guarded = co_await priced(changeset, std::move(kept));
  }
  co_await note_broken_secrets(prepared);
  state.desired = prepared.world.desired;
  state.secrets = prepared.secrets;
  state.providers_version = prepared.providers_version;
  if (prepared.claims != state.claims)
    claims_.replace(tenant, prepared.claims ? *prepared.claims : std::vector<HostClaim>());
  state.claims = prepared.claims;
  state.hosts = prepared.hosts;
  Changeset to_apply = changeset;
  if (!may_go_on)
    std::erase_if(to_apply.changes,
                  [](const Change& change) { return !is_exempt_from_guard(change); });
  ApplyOrder order = order_for(identity, std::move(to_apply), prepared);
  ApplyReport report = co_await traced("apply", applier_.apply(std::move(order)));
  if (report.applied > 0 || !report.failed.empty()) {
    const Result<void> seen =
        co_await observe_into(prepared.world, std::chrono::steady_clock::now());
    if (!seen)
      log_warning("reconciler", "cannot observe after applying",
                  {{"error", seen.error().describe()}});
  }
  CO_TRY(co_await end_restarts(tenant, report));
  const bool may_have_passed = may_go_on && !report.was_superseded;
  const std::set<std::string> unfinished = unfinished_sources(prepared.world, report);
  std::optional<Guard> guard;
  if (!may_go_on) guard = changeset.guard;
  CO_TRY(co_await note_status(tenant, std::move(report), std::move(guard)));
  CO_TRY(co_await retire_tenant(tenant));
  state.was_passed = true;
  for (const std::string& source : unfinished) prepared.loads.erase(source);
  if (may_have_passed) note_passed(prepared);
  follow_pushes(tenant);
  co_return changeset;
}

Task<Result<Prepared>> EngineImpl::prepare(std::string tenant,
                                           std::optional<SourceOverride> instead,
                                           bool use_candidates) {
  Prepared prepared;
  World& world = prepared.world;
  world.tenant = tenant;
  world.now = clock_.now();
  world.directives = journal_.directives_of(tenant, world.now);
  for (const ResourceRow* row : journal_.resources_of(tenant)) world.inventory.push_back(*row);
  const auto declared = catalog_.tenants.find(tenant);
  if (declared == catalog_.tenants.end()) {
    world.is_removed = true;
    co_return prepared;
  }
  const TenantDeclaration declaration = declared->second;  // the catalog may change meanwhile
  world.plan = declaration.plan;
  if (const auto terms = terms_of(tenant)) world.terms = terms->digest;
  world.is_suspended = declaration.is_suspended;
  world.allow_egress = declaration.allow_egress;
  world.how_updated = [this](const std::string& name, const Ref& ref, const Value& before,
                             const Value& after, bool is_anew) -> std::optional<UpdateManner> {
    const auto provider = providers_.find(name);
    if (provider == providers_.end() || !provider->second.lane.provider) return std::nullopt;
    return provider->second.lane.provider->how_updated(ref, before, after, is_anew);
  };
  world.retention = settings_.retention;

  ExpandInput input;
  input.tenant = tenant;
  input.allowed_providers = declaration.allowed_providers;
  for (const ResourceRow& row : world.inventory) {
    if (row.state == InventoryState::Owned) input.placed.emplace(row.ref, row.provider);
    const auto& keys = declaration.sources;
    if (std::find(keys.begin(), keys.end(), row.source) == keys.end())
      world.removed_sources.insert(row.source);
  }
  add_sources(input, prepared, declaration, instead, use_candidates);
  co_await open_secrets_of(tenant, instead, prepared);
  input.secrets = prepared.secrets.get();
  if (prepared.secrets->has_broken()) {
    for (const ResourceRow& row : world.inventory) {
      if (row.state == InventoryState::Owned && row.applied)
        input.applied.emplace(row.ref, row.applied);
    }
  }
  input.may_use_operator_secrets = is_solo();
  input.providers = offers();
  const auto known = tenant_states_.find(tenant);
  input.are_secrets_as_before = known != tenant_states_.end() && known->second.secrets &&
                                known->second.secrets->looks_like(*prepared.secrets);
  if (known != tenant_states_.end() && known->second.providers_version == providers_version_)
    input.before = &known->second.desired;
  input.pool = specs_.get();
  prepared.providers_version = providers_version_;

  for (Problem& problem : check_set(input.resources))
    prepared.problems.push_back(std::move(problem));
  Expansion expansion = expand(input);
  for (Problem& problem : expansion.problems) prepared.problems.push_back(std::move(problem));
  world.desired = std::move(expansion.desired);
  prepared.hosts = declaration.hosts;
  const bool is_known_to_be_good = expansion.is_as_before && known != tenant_states_.end() &&
                                   known->second.claims && known->second.hosts == prepared.hosts;
  if (is_known_to_be_good) {
    prepared.claims = known->second.claims;
    co_return prepared;
  }
  prepared.claims =
      std::make_shared<const std::vector<HostClaim>>(claims_of(world.desired, settings_.domain));
  const std::vector<HostClaim> taken = claims_.of_others(tenant, *prepared.claims);
  for (Problem& problem : check_claims(taken, *prepared.claims, prepared.hosts, settings_.domain)) {
    prepared.problems.push_back(std::move(problem));
  }
  co_return prepared;
}

void EngineImpl::add_sources(ExpandInput& input, Prepared& prepared,
                             const TenantDeclaration& declaration,
                             const std::optional<SourceOverride>& instead,
                             bool use_candidates) const {
  for (const std::string& key : declaration.sources) {
    const auto source = sources_.find(key);
    std::shared_ptr<const SourceLoad> load;
    if (source != sources_.end()) {
      load = use_candidates && source->second.candidate ? source->second.candidate
                                                        : source->second.accepted;
    }
    if (instead && instead->key == key) load = instead->load;
    if (!load) {
      prepared.world.frozen_sources.insert(key);
      continue;
    }
    prepared.loads[key] = load;
    if (source != sources_.end() && load != source->second.accepted) {
      if (source->second.accepted) {
        add_records(prepared.world.records_before, *source->second.accepted->resources,
                    source->second.accepted->secret_files);
      }
      add_records(prepared.world.records, *load->resources, load->secret_files);
    }
    input.revisions[key] = load->commit;
    for (const auto& [path, id] : load->trees) input.trees[{key, path}] = id;
    bool is_empty = true;
    for (const Resource& resource : *load->resources) {
      if (resource.ref.kind == Kind::Provider) continue;  // solo mode: the operator's own
      input.resources.push_back(resource);
      is_empty = false;
    }
    if (is_empty) prepared.world.emptied_sources.insert(key);
  }
}

std::vector<ProviderOffer> EngineImpl::offers() const {
  std::vector<ProviderOffer> offers;
  for (const auto& [name, provider] : providers_) {
    const auto declared = catalog_.providers.find(name);
    if (!provider.lane.provider || declared == catalog_.providers.end()) continue;
    offers.push_back({name, provider.declaration.adapter, provider.lane.provider.get(),
                      declared->second.is_default, declared->second.tenants,
                      provider.lane.provider->capabilities()});
  }
  return offers;
}

void EngineImpl::name_revisions(Changeset& changeset, const Prepared& prepared) const {
  for (const auto& [key, load] : prepared.loads) {
    const auto source = sources_.find(key);
    if (source != sources_.end() && source->second.accepted) {
      append_revision(changeset.before, source->second.accepted->commit);
    }
  }
  changeset.after = revisions_of(prepared);
}

Task<> EngineImpl::reject(std::string key, std::shared_ptr<const SourceLoad> load,
                          std::vector<Problem> problems, ErrorCode code) {
  const std::shared_ptr<SourceKeeper> keeper = sources_.at(key).keeper;
  sources_.at(key).candidate = nullptr;
  const auto tree = co_await keeper->tree(load->commit, ".");
  const FileTree* view = tree ? tree->get() : nullptr;
  std::optional<Error> wrong = Error(code, render_problems(view, *load->resources, problems));
  co_await note_source(std::move(key), load->commit, std::move(wrong));
}

Task<Result<void>> EngineImpl::judge_candidates(std::string tenant, Prepared& prepared) {
  const bool is_wrong = !prepared.problems.empty();
  const std::vector<Problem> reasons = is_wrong ? prepared.problems : prepared.refusals;
  const ErrorCode code = is_wrong ? ErrorCode::Invalid : ErrorCode::Denied;
  const std::string text = render_problems(nullptr, {}, reasons);
  std::map<std::string, std::shared_ptr<const SourceLoad>> candidates;
  for (const auto& [key, load] : prepared.loads) {
    const auto source = sources_.find(key);
    if (source != sources_.end() && source->second.candidate == load) candidates[key] = load;
  }
  if (candidates.empty()) co_return fail(ErrorCode::Invalid, text);
  bool is_anybodys = false;
  for (const auto& [key, load] : candidates) {
    std::vector<Problem> mine = declared_in(*load, reasons);
    if (mine.empty()) continue;
    is_anybodys = true;
    co_await reject(key, load, std::move(mine), code);
  }
  for (const auto& [key, load] : candidates) {
    // What is refused to all of them together is refused to each.
    if (!is_wrong && !is_anybodys) co_await reject(key, load, reasons, code);
  }
  CO_TRY_ASSIGN(prepared, co_await prepare(tenant, std::nullopt, false));
  if (!prepared.problems.empty()) co_return fail(ErrorCode::Invalid, text);
  co_return Result<void>();
}

Task<Result<void>> EngineImpl::observe_into(World& world, SteadyTime not_before) {
  std::set<std::string> names;
  for (const auto& [ref, desired] : world.desired) names.insert(desired.provider);
  for (const ResourceRow& row : world.inventory) names.insert(row.provider);
  names.erase("");
  for (const std::string& name : names) {
    const auto provider = providers_.find(name);
    if (provider == providers_.end() || !provider->second.observer) {
      world.unobserved.insert(name);
      continue;
    }
    const std::shared_ptr<Observer> observer = provider->second.observer;
    const auto snapshot = co_await observer->observe(not_before);
    const auto still = providers_.find(name);
    if (!snapshot) {
      world.unobserved.insert(name);
      if (still != providers_.end()) still->second.observe_error = snapshot.error().describe();
      log_warning("reconciler", "a provider cannot be observed; what it runs is left alone",
                  {{"provider", name}, {"error", snapshot.error().describe()}});
      continue;
    }
    world.unobserved.erase(name);
    if (still != providers_.end()) still->second.observe_error.clear();
    for (const ResourceRow& row : world.inventory) {
      if (row.provider != name) continue;
      const auto seen = (*snapshot)->by_uid.find(row.uid);
      if (seen != (*snapshot)->by_uid.end()) {
        world.observed.insert_or_assign(row.uid, seen->second);
      } else {
        world.observed.erase(row.uid);
      }
    }
    add_strangers(**snapshot, world);
  }
  co_return Result<void>();
}

/// What carries our labels and this tenant's name, and is not in the inventory.
void EngineImpl::add_strangers(const ProviderSnapshot& snapshot, World& world) const {
  const auto uids = snapshot.uids_of.find(world.tenant);
  if (uids == snapshot.uids_of.end()) return;
  for (const std::string& uid : uids->second) {
    if (!journal_.resources().contains(uid))
      world.observed.insert_or_assign(uid, snapshot.by_uid.at(uid));
  }
}

Task<Result<void>> EngineImpl::resolve_intents(std::string tenant, World& world) {
  Transaction transaction;
  for (const auto& [id, open] : journal_.open_intents()) {
    if (open.ref.tenant != tenant || world.unobserved.contains(open.provider)) continue;
    IntentRow intent = open;
    const auto seen = world.observed.find(intent.uid);
    const bool happened = seen != world.observed.end() && seen->second.intent == intent.id;
    intent.state = happened ? IntentState::Done : IntentState::Failed;
    if (!happened) intent.error = "interrupted; its effect was not seen afterwards";
    EventRow event;
    event.time = clock_.now();
    event.tenant = tenant;
    event.subject = to_string(intent.ref);
    event.reason = "IntentResolved";
    event.message = fmt::format("interrupted {}: {}", intent.action,
                                happened ? "it had happened" : "it had not happened");
    event.revision = intent.revision;
    transaction.add(AppendEvent{std::move(event)});
    transaction.add(PutIntent{std::move(intent)});
  }
  if (transaction.writes.empty()) co_return Result<void>();
  co_return co_await journal_.commit(std::move(transaction));
}

void EngineImpl::note_passed(const Prepared& prepared) {
  for (const auto& [key, load] : prepared.loads) {
    const auto source = sources_.find(key);
    if (source != sources_.end() && source->second.accepted == load)
      source->second.passed_revision = load->commit;
  }
}

Task<bool> EngineImpl::is_cleared(std::string tenant, Changeset changeset,
                                  std::map<std::string, std::shared_ptr<const SourceLoad>> loads) {
  if (!changeset.guard || journal_.is_acknowledged(tenant, changeset.digest)) co_return true;
  // A commit may say yes by itself: then everything that goes must have come from its source.
  std::set<std::string> consenting;
  for (const auto& [key, load] : loads) {
    if (("\n" + load->message + "\n").find("\nCroft-Prune: yes\n") != std::string::npos)
      consenting.insert(key);
  }
  const auto consents = [&](const Change& change) {
    const auto row = journal_.resources().find(change.uid);
    return !change.loses_data && change.action != Action::Destroy
               ? true
               : row != journal_.resources().end() && consenting.contains(row->second.source);
  };
  if (!consenting.empty() &&
      std::all_of(changeset.changes.begin(), changeset.changes.end(), consents))
    co_return true;
  const auto state = tenant_states_.find(tenant);
  const bool is_known = state != tenant_states_.end() && state->second.guarded &&
                        state->second.guarded->digest == changeset.digest;
  if (is_known) co_return false;
  EventRow event;
  event.time = clock_.now();
  event.tenant = tenant;
  event.subject = tenant;
  event.severity = Severity::Warning;
  event.reason = "PruneGuarded";
  event.message = fmt::format("{}; acknowledge it with: croft prune ack {} -t {}",
                              changeset.guard->message, changeset.digest.substr(0, 12), tenant);
  Transaction transaction;
  transaction.add(AppendEvent{std::move(event)});
  const Result<void> done = co_await journal_.commit(std::move(transaction));
  if (!done) log_warning("reconciler", "event not written", {{"error", done.error().describe()}});
  co_return false;
}

/// Consent is to one changeset: once nothing is guarded any more it is used up, so that the same
/// loss at another time asks again.
Task<Result<void>> EngineImpl::forget_acknowledgements(std::string tenant) {
  Transaction transaction;
  for (const AcknowledgementRow& row : journal_.acknowledgements()) {
    if (row.tenant == tenant) transaction.add(EraseAcknowledgement{row.tenant, row.digest});
  }
  if (transaction.writes.empty()) co_return Result<void>();
  co_return co_await journal_.commit(std::move(transaction));
}

Task<Result<void>> EngineImpl::accept_candidates(std::string tenant, Prepared prepared) {
  std::vector<std::string> others;
  for (const auto& [key, load] : prepared.loads) {
    const auto source = sources_.find(key);
    if (source != sources_.end() && source->second.accepted != load) others.push_back(key);
  }
  for (const std::string& key : others) {
    // With the last: before that, a restart would judge the rest once more and say it then.
    const bool is_last = key == others.back();
    const std::shared_ptr<const SourceLoad> load = prepared.loads.at(key);
    Transaction facts =
        is_last ? thresholds_reached(tenant, prepared, load->commit) : Transaction{};
    CO_TRY(co_await accept(key, load, std::move(facts)));
  }
  // Only after all of them: a Webhook may have moved from one source to another.
  if (!others.empty()) sync_webhooks();
  co_return Result<void>();
}

Transaction EngineImpl::thresholds_reached(const std::string& tenant, const Prepared& prepared,
                                           const std::string& commit) const {
  Transaction transaction;
  for (const plans::ThresholdReached& one : prepared.reached) {
    EventRow event;
    event.time = clock_.now();
    event.tenant = tenant;
    event.subject = tenant;
    event.severity = one.percent >= 100 ? Severity::Warning : Severity::Normal;
    event.reason = "UsageThreshold";
    event.message = fmt::format("{} reached {}% of what plan '{}' allows: {} of {}", one.quota,
                                one.percent, prepared.world.plan, one.used, one.limit);
    event.revision = commit;
    transaction.add(AppendNotification{notify::about_quota(event, one)});
    transaction.add(AppendEvent{std::move(event)});
  }
  return transaction;
}

ApplyOrder EngineImpl::order_for(const TenantIdentity& identity, Changeset changeset,
                                 const Prepared& prepared) {
  ApplyOrder order;
  order.tenant = identity;
  order.changeset = std::move(changeset);
  order.desired = prepared.world.desired;
  order.retention = settings_.retention;
  const auto declaration = catalog_.tenants.find(identity.name);
  order.allow_egress = declaration != catalog_.tenants.end() && declaration->second.allow_egress;
  order.lane = [this](const std::string& name) -> const ProviderLane* {
    const auto provider = providers_.find(name);
    return provider == providers_.end() || !provider->second.lane.provider ? nullptr
                                                                           : &provider->second.lane;
  };
  order.files = [this](Desired desired,
                       std::string path) -> Task<Result<std::shared_ptr<const FileTree>>> {
    return files_of(std::move(desired), std::move(path));
  };
  order.secrets = [table = prepared.secrets](const Desired& desired,
                                             const Value& spec) -> Result<SecretValues> {
    if (!table) return SecretValues();
    return table->values_for(desired.ref.kind, spec);
  };
  order.is_ready = [this](const Ref& ref, DependencyState state) { return is_ready(ref, state); };
  const auto loads = prepared.loads;
  order.is_superseded = [this, loads] {
    if (is_stopping_) return true;
    return std::any_of(loads.begin(), loads.end(), [this](const auto& entry) {
      const auto source = sources_.find(entry.first);
      return source != sources_.end() && source->second.candidate &&
             source->second.candidate != entry.second;
    });
  };
  return order;
}

Task<Result<std::shared_ptr<const FileTree>>> EngineImpl::files_of(Desired desired,
                                                                   std::string path) {
  const auto source = sources_.find(desired.source);
  if (source == sources_.end())
    co_return fail(ErrorCode::Unavailable, "source " + desired.source + " is gone");
  const std::shared_ptr<SourceKeeper> keeper = source->second.keeper;
  co_return co_await keeper->tree(desired.revision, std::move(path));
}

Task<Result<void>> EngineImpl::end_restarts(std::string tenant, ApplyReport report) {
  Transaction transaction;
  for (const DirectiveRow& directive : journal_.directives_of(tenant, clock_.now())) {
    const auto is_meant = [&](const auto& entry) { return concerns(directive.ref, entry.first); };
    const bool is_over = directive.verb == DirectiveVerb::Restart && !report.was_superseded &&
                         std::ranges::none_of(report.failed, is_meant) &&
                         std::ranges::none_of(report.deferred, is_meant);
    if (is_over) transaction.add(EraseDirective{directive.ref, DirectiveVerb::Restart});
  }
  if (transaction.writes.empty()) co_return Result<void>();
  co_return co_await journal_.commit(std::move(transaction));
}

Task<Result<void>> EngineImpl::expire_retained(std::string tenant, TenantIdentity identity) {
  std::vector<ResourceRow> expired;
  for (const ResourceRow* row : journal_.resources_of(tenant)) {
    const bool is_over = row->state == InventoryState::Retained && row->retained_until &&
                         *row->retained_until <= clock_.now();
    if (is_over) expired.push_back(*row);
  }
  for (const ResourceRow& row : expired) {
    CO_TRY(co_await erase_retained(identity, row, "RetentionEnded",
                                   "the time for which its data was kept is over"));
  }
  co_return Result<void>();
}

Task<Result<void>> EngineImpl::erase_retained(TenantIdentity identity, ResourceRow row,
                                              std::string reason, std::string why) {
  Change erase;
  erase.ref = row.ref;
  erase.uid = row.uid;
  erase.provider = row.provider;
  erase.action = Action::Destroy;
  erase.erases_data = true;
  erase.reason = std::move(reason);
  erase.why = std::move(why);
  erase.before = row.applied;
  const ApplyOrder order = order_for(identity, Changeset{}, Prepared{});
  co_return co_await applier_.apply_one(order, std::move(erase));
}

Task<Result<void>> EngineImpl::retire_tenant(std::string tenant) {
  const TenantRow* known = journal_.tenant_named(tenant);
  if (catalog_.tenants.contains(tenant) || known == nullptr) co_return Result<void>();
  const auto rows = journal_.resources_of(tenant);
  const bool has_any = std::any_of(rows.begin(), rows.end(), [](const ResourceRow* row) {
    return row->state == InventoryState::Owned;
  });
  if (has_any) co_return Result<void>();
  TenantRow row = *known;
  row.removed_at = clock_.now();
  row.retained_until = *row.removed_at + settings_.retention;
  Transaction transaction;
  transaction.add(PutTenant{std::move(row)});
  co_return co_await journal_.commit(std::move(transaction));
}

Task<> EngineImpl::forget_removed_tenants() {
  std::vector<TenantRow> over;
  for (const auto& [uid, row] : journal_.tenants()) {
    if (row.removed_at && row.retained_until && *row.retained_until <= clock_.now())
      over.push_back(row);
  }
  for (const TenantRow& row : over) {
    TenantIdentity identity{row.uid, row.name, row.number};
    Result<void> done = co_await expire_retained(row.name, std::move(identity));
    if (done && journal_.resources_of(row.name).empty()) {
      Transaction transaction;
      transaction.add(EraseTenant{row.uid});
      done = co_await journal_.commit(std::move(transaction));
    }
    if (!done) {
      log_warning("reconciler", "data of a removed tenant could not be erased; it is tried again",
                  {{"tenant", row.name}, {"error", done.error().describe()}});
    }
  }
}

}  // namespace croft
