#include "reconciler/engine.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "reconciler/engine/engine_impl.hpp"

namespace croft {

namespace {

constexpr std::size_t kReadingThreads = 4;
/// A remote that does not answer holds one until its deadline; that many may, before others wait.
constexpr int kConcurrentFetches = 16;
constexpr int kConcurrentPasses = 32;
constexpr int kReconciledAtOnce = 8;  ///< tenants, when everybody is reconciled by hand
constexpr Duration kHeartbeat{60'000};
/// Commands in what runs: each takes a connection of the API's.
constexpr Occupancy::Limits kExecSessions{.total = 64, .of_a_tenant = 16};
/// Volumes that are read or written as archives.
constexpr Occupancy::Limits kTransfers{.total = 8, .of_a_tenant = 2};

}  // namespace

std::unique_ptr<Engine> make_engine(EngineSettings settings, asio::any_io_executor executor,
                                    Store& store, std::map<std::string, ProviderFactory> adapters,
                                    Clock& clock, RandomSource& random) {
  return std::make_unique<EngineImpl>(std::move(settings), std::move(executor), store,
                                      std::move(adapters), clock, random);
}

EngineImpl::EngineImpl(EngineSettings settings, asio::any_io_executor executor, Store& store,
                       std::map<std::string, ProviderFactory> adapters, Clock& clock,
                       RandomSource& random)
    : settings_(std::move(settings)),
      executor_(executor),
      journal_(store, *specs_, random),
      adapters_(std::move(adapters)),
      clock_(clock),
      random_(random),
      fetching_(kConcurrentFetches),
      reading_(kReadingThreads),
      source_queue_(
          executor, random, kConcurrentFetches,
          [this](std::string key) { return doing(work_on_source(key), source_pass(key)); }),
      tenant_queue_(executor, random, kConcurrentPasses,
                    [this](std::string tenant) { return tenant_pass(std::move(tenant)); }),
      dispatcher_(dispatch_parts(), [this] { notify(); }),
      applier_(executor, journal_, clock, random),
      news_(executor, journal_, clock),
      health_(executor, [this](const std::string& uid) { want_tenant(tenant_of_uid(uid)); }),
      usage_(clock, random),
      exec_sessions_(std::make_shared<Occupancy>(kExecSessions)),
      transfers_(std::make_shared<Occupancy>(kTransfers)) {
  if (!settings_.operator_secrets)
    settings_.operator_secrets = std::make_shared<secret::OperatorSecrets>(settings_.secrets_dir);
  source_queue_.measure_as("sources");
  tenant_queue_.measure_as("tenants");
  if (!settings_.github_apps)
    settings_.github_apps = std::make_shared<GithubApps>(settings_.operator_secrets, clock_);
}

Task<Result<void>> EngineImpl::start() {
  CO_TRY(co_await journal_.load());
  co_await make_keys();
  CO_TRY(co_await dispatcher_.start());
  journal_.on_notification([this](const std::string& tenant) { dispatcher_.wake(tenant); });
  CO_TRY_ASSIGN(std::vector<UsageRow> open, co_await journal_.store().open_usage());
  usage_.take_over(std::move(open));

  SourceKeeper::Settings settings;
  settings.mirror = settings_.data / "mirrors" / "root";
  settings.secrets = settings_.operator_secrets;
  settings.memory = settings_.data;
  settings.scope = is_solo() ? SourceScope::Solo : SourceScope::Platform;
  settings.specs = specs_;
  const SourceDeclaration root = root_declaration();
  const std::string key = root.key;
  SourceState& state = sources_[key];
  state.keeper =
      std::make_shared<SourceKeeper>(executor_, fetching_, reading_, root, std::move(settings),
                                     [this, key] { source_queue_.add(key); });
  // What ran before goes on from its pinned commit, even if the repository cannot be reached now.
  const Result<void> loaded = co_await load_applied(key);
  if (!loaded)
    log_warning("engine", "the last applied platform revision cannot be read",
                {{"error", loaded.error().describe()}});
  source_queue_.add(key);
  spawn(executor_, heartbeat(), "usage heartbeat");
  spawn(executor_, follow_foreign_orders(), "orders of others");
  co_return Result<void>();
}

Task<> EngineImpl::stop() {
  is_stopping_ = true;
  *is_alive_ = false;
  dispatcher_.stop();
  co_await source_queue_.stop();
  co_await tenant_queue_.stop();
}

Task<> EngineImpl::heartbeat() {
  const std::shared_ptr<bool> is_alive = is_alive_;
  while (*is_alive) {
    co_await sleep_for(kHeartbeat);
    if (!*is_alive) co_return;
    co_await forget_removed_tenants();
    Transaction transaction;
    transaction.writes = usage_.heartbeat();
    if (transaction.writes.empty()) continue;
    const Result<void> done = co_await journal_.commit(std::move(transaction));
    if (!done)
      log_warning("engine", "usage heartbeat not written", {{"error", done.error().describe()}});
  }
}

/// Orders may be written by others than this daemon, if the store is one that others reach.
Task<> EngineImpl::follow_foreign_orders() {
  const std::shared_ptr<bool> is_alive = is_alive_;
  while (*is_alive) {
    const bool is_likely = co_await journal_.store().foreign_orders(settings_.resync);
    if (!*is_alive) co_return;
    if (!is_likely) continue;
    const Result<std::set<std::string>> tenants = co_await journal_.reload_orders();
    if (!*is_alive) co_return;
    if (!tenants) {
      log_warning("engine", "orders cannot be read", {{"error", tenants.error().describe()}});
      continue;
    }
    for (const std::string& tenant : *tenants) {
      applier_.forget_failures(tenant);
      want_tenant(tenant);
    }
    if (!tenants->empty()) notify();
  }
}

void EngineImpl::want_tenant(const std::string& tenant) {
  if (!tenant.empty()) tenant_queue_.add(tenant);
}

std::string EngineImpl::tenant_of_uid(const std::string& uid) const {
  const auto row = journal_.resources().find(uid);
  return row == journal_.resources().end() ? "" : row->second.ref.tenant;
}

void EngineImpl::notify() const {
  const std::list<std::function<void()>> listeners = listeners_;
  for (const auto& listener : listeners) listener();
}

std::shared_ptr<void> EngineImpl::on_change(std::function<void()> listener) {
  listeners_.push_back(std::move(listener));
  const auto position = std::prev(listeners_.end());
  return std::shared_ptr<void>(nullptr, [this, position](void*) { listeners_.erase(position); });
}

Task<Result<Prepared>> EngineImpl::prepare_for(DiffRequest request) {
  std::optional<SourceOverride> instead;
  if (request.tree) {
    const auto tenant = catalog_.tenants.find(request.tenant);
    if (tenant == catalog_.tenants.end())
      co_return fail(ErrorCode::NotFound, "there is no tenant '" + request.tenant + "'");
    std::string key = request.source;
    if (key.empty() && tenant->second.sources.size() == 1) key = tenant->second.sources.front();
    if (!sources_.contains(key)) {
      co_return fail(
          Error(ErrorCode::Invalid, fmt::format("tenant '{}' has {} sources", request.tenant,
                                                tenant->second.sources.size()))
              .with_hint("say which one this directory is"));
    }
    manifest::LoadRequest load;
    load.source = key;
    load.tenant = request.tenant;
    load.scope = is_solo() ? SourceScope::Solo : SourceScope::Tenant;
    load.is_whole_set = load.scope == SourceScope::Platform;
    const std::shared_ptr<const FileTree> tree = request.tree;
    auto work = [tree, load] {
      DocumentCache cache;
      FilesSizes sizes;
      return load_source(*tree, load, cache, sizes);
    };
    Result<SourceLoad> loaded = co_await reading_.run(std::move(work));
    if (!loaded) co_return std::unexpected(std::move(loaded.error()));
    loaded->commit = request.label;
    loaded->working_tree = tree;
    instead = SourceOverride{key, std::make_shared<const SourceLoad>(std::move(*loaded)),
                             request.is_strangers};
  }
  const std::shared_ptr<const FileTree> tree = request.tree;
  CO_TRY_ASSIGN(Prepared prepared, co_await prepare(request.tenant, instead, true));
  if (!prepared.problems.empty()) {
    static const std::vector<Resource> kNone;
    const std::vector<Resource>& resources = instead ? *instead->load->resources : kNone;
    co_return fail(ErrorCode::Invalid, render_problems(tree.get(), resources, prepared.problems));
  }
  prepared.is_judged = instead.has_value() || has_candidate(prepared);
  note_storage_used(prepared.world);
  co_return prepared;
}

Task<std::vector<Problem>> EngineImpl::placed(std::vector<Problem> problems,
                                              std::shared_ptr<const Prepared> prepared) {
  for (const auto& [key, load] : prepared->loads) {
    if (problems.empty()) break;
    std::shared_ptr<const FileTree> tree = load->working_tree;
    if (const auto source = sources_.find(key); tree == nullptr && source != sources_.end()) {
      const std::shared_ptr<SourceKeeper> keeper = source->second.keeper;
      const auto opened = co_await keeper->tree(load->commit, ".");
      if (opened) tree = *opened;
    }
    if (tree == nullptr) continue;
    const std::shared_ptr<const SourceLoad> from = load;
    auto work = [tree, from, problems = std::move(problems)]() mutable {
      place_problems(*tree, "", *from->resources, problems);
      return std::move(problems);
    };
    problems = co_await reading_.run(std::move(work));
  }
  co_return problems;
}

Task<Result<Changeset>> EngineImpl::diff(DiffRequest request) {
  CO_TRY_ASSIGN(Prepared prepared, co_await prepare_for(std::move(request)));
  constexpr Duration kFreshEnough{1'000};
  CO_TRY(co_await observe_into(prepared.world, std::chrono::steady_clock::now() - kFreshEnough));
  Changeset changeset = croft::diff(prepared.world);
  name_revisions(changeset, prepared);
  Admission admission = admission_of(prepared);
  changeset.quotas = std::move(admission.quotas);
  for (std::string& warning : admission.warnings) changeset.notes.push_back(std::move(warning));
  const bool is_judged = prepared.is_judged;
  auto kept = std::make_shared<const Prepared>(std::move(prepared));
  if (is_judged) changeset.refusals = co_await placed(std::move(admission.refusals), kept);
  Changeset with_prices = co_await priced(std::move(changeset), std::move(kept));
  co_return with_prices;
}

Task<Result<std::vector<Changeset>>> EngineImpl::reconcile(ReconcileRequest request) {
  std::vector<std::string> tenants;
  CO_TRY(co_await fetch_and_load(root_source()));
  for (const auto& [name, declaration] : catalog_.tenants) {
    if (request.tenant.empty() || request.tenant == name) tenants.push_back(name);
  }
  if (tenants.empty() && !request.tenant.empty()) {
    co_return fail(ErrorCode::NotFound, "there is no tenant '" + request.tenant + "'");
  }
  if (!request.tenant.empty()) {
    CO_TRY_ASSIGN(Changeset changeset, co_await reconcile_one(request.tenant, request.expect));
    std::vector<Changeset> one;
    one.push_back(std::move(changeset));
    co_return one;
  }
  std::vector<Changeset> all = co_await reconcile_all(std::move(tenants));
  co_return all;
}

/// What the workers of one reconcile of everybody share.
struct EngineImpl::Round {
  std::vector<std::string> tenants;
  std::size_t next = 0;
  int working = 0;
  std::map<std::string, Changeset> done;
  Signal ended;
};

Task<std::vector<Changeset>> EngineImpl::reconcile_all(std::vector<std::string> tenants) {
  auto round =
      std::make_shared<Round>(Round{.tenants = std::move(tenants), .ended = Signal(executor_)});
  for (int i = 0; i < kReconciledAtOnce; ++i) {
    ++round->working;
    spawn(executor_, reconcile_some(round), "reconciling everybody");
  }
  while (round->working > 0) co_await round->ended.wait(Duration(60'000));
  std::vector<Changeset> changesets;
  for (auto& [tenant, changeset] : round->done) changesets.push_back(std::move(changeset));
  co_return changesets;
}

/// One tenant's trouble is in its own status and holds up nobody else.
Task<> EngineImpl::reconcile_some(std::shared_ptr<Round> round) {
  while (round->next < round->tenants.size()) {
    const std::string tenant = round->tenants[round->next++];
    Result<Changeset> changeset = co_await reconcile_one(tenant, std::nullopt);
    if (changeset) {
      round->done.emplace(tenant, std::move(*changeset));
    } else {
      log_warning("reconciler", "a tenant could not be reconciled",
                  {{"tenant", tenant}, {"error", changeset.error().describe()}});
    }
  }
  --round->working;
  round->ended.notify();
}

Task<Result<Changeset>> EngineImpl::reconcile_one(std::string tenant,
                                                  std::optional<std::string> expect) {
  const auto declaration = catalog_.tenants.find(tenant);
  if (declaration == catalog_.tenants.end())
    co_return fail(ErrorCode::NotFound, "the tenant was removed meanwhile");
  const std::vector<std::string> keys = declaration->second.sources;
  for (const std::string& key : keys) {
    if (key == root_source()) continue;
    CO_TRY(co_await fetch_and_load(key));
  }
  applier_.forget_failures(tenant);
  Result<Changeset> changeset = co_await pass(tenant, std::move(expect), Asked::ByHand);
  notify();
  co_return changeset;
}

bool EngineImpl::is_settled(const std::string& tenant) const {
  if (!has_catalog_ || !source_queue_.is_idle() || !tenant_queue_.is_idle()) return false;
  for (const auto& [name, declaration] : catalog_.tenants) {
    if (!tenant.empty() && name != tenant) continue;
    const auto state = tenant_states_.find(name);
    if (state == tenant_states_.end() || !state->second.was_passed) return false;
    for (const std::string& key : declaration.sources) {
      const auto source = sources_.find(key);
      if (source == sources_.end() || !source->second.was_tried) return false;
    }
  }
  const std::vector<ResourceStatus> all = status(tenant);
  return std::all_of(all.begin(), all.end(), [](const ResourceStatus& one) {
    const Condition* ready = find_condition(one.conditions, "Ready");
    return ready != nullptr && (ready->status == ConditionStatus::True ||
                                (ready->reason != "Starting" && ready->reason != "Pending"));
  });
}

std::vector<std::string> EngineImpl::tenants() const {
  std::vector<std::string> names;
  for (const auto& [name, declaration] : catalog_.tenants) names.push_back(name);
  return names;
}

bool EngineImpl::owns(const Ref& ref) const {
  const auto is_owned = [](const ResourceRow* row) {
    return row != nullptr && row->state == InventoryState::Owned;
  };
  if (ref.kind != Kind::Stack) return is_owned(journal_.resource_of(ref));
  return std::ranges::any_of(journal_.resources_of(ref.tenant), [&](const ResourceRow* row) {
    return is_owned(row) && concerns(ref, row->ref);
  });
}

Task<Result<void>> EngineImpl::direct(DirectiveRow directive) {
  if (!owns(directive.ref)) {
    co_return fail(Error(ErrorCode::NotFound, "there is no " + to_string(directive.ref))
                       .with_hint("see `croft get` for what there is"));
  }
  if (directive.verb == DirectiveVerb::Start) {
    CO_TRY(check_start(directive.ref));
  }
  directive.created_at = clock_.now();
  const std::string tenant = directive.ref.tenant;
  EventRow event;
  event.time = directive.created_at;
  event.tenant = tenant;
  event.subject = to_string(directive.ref);
  event.reason = "Directed";
  event.message = fmt::format("{} by {}{}", to_string(directive.verb), directive.by,
                              directive.why.empty() ? "" : ": " + directive.why);
  Transaction transaction;
  // A start ends a stop; it is no order that stays in force.
  if (directive.verb == DirectiveVerb::Start) {
    transaction.add(EraseDirective{directive.ref, DirectiveVerb::Stop});
  } else {
    transaction.add(PutDirective{std::move(directive)});
  }
  transaction.add(AppendEvent{std::move(event)});
  CO_TRY(co_await journal_.commit(std::move(transaction)));
  applier_.forget_failures(tenant);
  want_tenant(tenant);
  notify();
  co_return Result<void>();
}

Task<Result<void>> EngineImpl::withdraw(Ref ref, DirectiveVerb verb, std::string by) {
  if (verb == DirectiveVerb::Stop) {
    CO_TRY(check_start(ref));
  }
  EventRow event;
  event.time = clock_.now();
  event.tenant = ref.tenant;
  event.subject = to_string(ref);
  event.reason = "DirectiveWithdrawn";
  event.message = fmt::format("{} withdrawn by {}", to_string(verb), by);
  const std::string tenant = ref.tenant;
  Transaction transaction;
  transaction.add(EraseDirective{std::move(ref), verb});
  transaction.add(AppendEvent{std::move(event)});
  CO_TRY(co_await journal_.commit(std::move(transaction)));
  applier_.forget_failures(tenant);
  want_tenant(tenant);
  notify();
  co_return Result<void>();
}

std::vector<Changeset> EngineImpl::guarded(const std::string& tenant) const {
  std::vector<Changeset> changesets;
  for (const auto& [name, state] : tenant_states_) {
    if ((tenant.empty() || name == tenant) && state.guarded) changesets.push_back(*state.guarded);
  }
  return changesets;
}

Task<Result<void>> EngineImpl::acknowledge(std::string tenant, std::string digest, std::string by) {
  const auto state = tenant_states_.find(tenant);
  const bool is_known = state != tenant_states_.end() && state->second.guarded &&
                        digest.size() >= 4 && state->second.guarded->digest.starts_with(digest);
  if (!is_known) {
    co_return fail(
        Error(ErrorCode::Conflict,
              fmt::format("no guarded changeset of '{}' has the digest {}", tenant, digest))
            .with_hint("see `croft prune show`: it may have changed since"));
  }
  EventRow event;
  event.time = clock_.now();
  event.tenant = tenant;
  event.subject = tenant;
  event.reason = "PruneAcknowledged";
  event.message = fmt::format("changeset {} acknowledged by {}", digest, by);
  Transaction transaction;
  transaction.add(PutAcknowledgement{{tenant, state->second.guarded->digest, by, clock_.now()}});
  transaction.add(AppendEvent{std::move(event)});
  CO_TRY(co_await journal_.commit(std::move(transaction)));
  want_tenant(tenant);
  co_return Result<void>();
}

Task<Result<std::vector<EventRow>>> EngineImpl::events(EventQuery query) {
  co_return co_await journal_.store().events(std::move(query));
}

Task<Result<void>> EngineImpl::logs(Ref ref, LogRequest request, LogSink sink) {
  if (ref.kind == Kind::Stack && owns(ref)) {
    co_return fail(Error(ErrorCode::Invalid, to_string(ref) + " has logs of each service only")
                       .with_hint(fmt::format("name one, such as Service/{}.NAME; `croft get "
                                              "services` lists them",
                                              ref.name)));
  }
  const ResourceRow* row = journal_.resource_of(ref);
  if (row == nullptr) {
    co_return fail(
        Error(ErrorCode::NotFound, "there is no " + to_string(ref)).with_hint("see `croft get`"));
  }
  const auto provider = providers_.find(row->provider);
  if (provider == providers_.end() || !provider->second.lane.provider) {
    co_return fail(ErrorCode::Unavailable, "provider '" + row->provider + "' is not there");
  }
  request.uid = row->uid;
  const std::shared_ptr<Provider> keep = provider->second.lane.provider;
  co_return co_await keep->logs(std::move(request), std::move(sink));
}

}  // namespace croft
