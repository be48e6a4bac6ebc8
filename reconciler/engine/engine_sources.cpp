// Sources: fetching and loading them, and what the platform's own declares.

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "reconciler/engine/engine_impl.hpp"

namespace croft {

namespace {

/// One directory name for any source key.
std::string mirror_name(const std::string& key) {
  std::string name = key;
  for (char& c : name) {
    if (c == '/') c = '.';
  }
  return name;
}

constexpr const char* kProviderProblem = "ProviderNotMade";
constexpr const char* kSecretProblem = "SecretsBroken";

/// Of what is applied, not of a commit that is refused.
bool is_circumstance(const Condition& stalled) {
  return stalled.reason == kProviderProblem || stalled.reason == kSecretProblem;
}

}  // namespace

SourceDeclaration EngineImpl::root_declaration() const {
  SourceDeclaration root;
  if (is_solo()) {
    root.key = fmt::format("{}/{}", kSoloTenant, kSoloTenant);
    root.tenant = kSoloTenant;
    root.url = settings_.solo_url;
    root.ref = settings_.platform_ref;
  } else {
    root.key = kPlatformSource;
    root.url = settings_.platform_url;
    root.ref = settings_.platform_ref;
    root.path = settings_.platform_path;
  }
  root.interval = settings_.platform_interval;
  root.receiver = settings_.platform_receiver;
  root.verify = settings_.platform_verify;
  return root;
}

std::string EngineImpl::root_source() const { return root_declaration().key; }

Result<void> EngineImpl::look_at(const std::string& source) {
  if (!sources_.contains(source))
    return fail(ErrorCode::NotFound, "there is no source '" + source + "'");
  if (const WorkPtr& work = current_work(); work && work->span.is_set())
    sources_.at(source).asked_by = work->span;
  source_queue_.add(source);
  return {};
}

Task<Result<RefDiff>> EngineImpl::diff_ref(std::string source, std::string ref) {
  const auto state = sources_.find(source);
  if (state == sources_.end() || state->second.keeper->declaration().tenant.empty())
    co_return fail(ErrorCode::NotFound, "no tenant has a source '" + source + "'");
  const std::shared_ptr<SourceKeeper> keeper = state->second.keeper;
  RefDiff diffed;
  CO_TRY_ASSIGN(SourceKeeper::Other other, co_await keeper->fetch_other(std::move(ref)));
  diffed.revision = std::move(other.commit);
  DiffRequest request;
  request.tenant = keeper->declaration().tenant;
  request.source = source;
  request.label = diffed.revision;
  request.tree = std::move(other.tree);
  request.is_strangers = true;
  Result<Changeset> changeset = co_await diff(std::move(request));
  if (changeset) {
    diffed.changeset = std::move(*changeset);
  } else if (changeset.error().code() == ErrorCode::Invalid) {
    diffed.problems = changeset.error().describe();
  } else {
    co_return fail(std::move(changeset.error()));
  }
  co_return diffed;
}

Task<Result<void>> EngineImpl::load_applied(std::string key) {
  const auto row = journal_.sources().find(key);
  if (row == journal_.sources().end() || row->second.applied_revision.empty())
    co_return Result<void>();
  const std::shared_ptr<SourceKeeper> keeper = sources_.at(key).keeper;
  CO_TRY_ASSIGN(auto load, co_await keeper->load(row->second.applied_revision));
  if (!sources_.contains(key)) co_return Result<void>();
  sources_.at(key).accepted = std::move(load);
  if (key == root_source()) {
    CO_TRY(co_await take_catalog(*sources_.at(key).accepted));
  }
  sync_webhooks();
  co_return Result<void>();
}

Task<Outcome> EngineImpl::source_pass(std::string key) {
  if (!sources_.contains(key)) co_return Done{};
  const std::uint64_t providers_before = providers_version_;
  // A credential that was missing may be there now: no commit would tell.
  if (key == root_source() && has_catalog_) co_await look_at_credentials();
  log_debug("source", "looking", {{"source", key}});
  const Result<bool> moved = co_await fetch_and_load(key);
  const auto state = sources_.find(key);
  if (state == sources_.end()) co_return Done{};
  const bool is_first_try = !state->second.was_tried;
  state->second.was_tried = true;
  state->second.asked_by = {};  // it was told of what we have
  const bool has_new_providers = key == root_source() && providers_version_ != providers_before;
  if (has_new_providers) judge_again();
  if (is_first_try || (moved && *moved) || has_new_providers) {
    if (key == kPlatformSource) {
      for (const auto& [name, tenant] : catalog_.tenants) want_tenant(name);
    } else {
      want_tenant(state->second.keeper->declaration().tenant);
    }
  }
  notify();
  // A commit that is wrong stays wrong; one that could not be fetched may come.
  if (!moved && moved.error().is_retryable()) co_return Retry{moved.error()};
  co_return After{state->second.keeper->poll_interval()};
}

Task<> EngineImpl::note_broken_secrets(const Prepared& prepared) {
  for (const auto& [key, load] : prepared.loads) {
    const auto source = sources_.find(key);
    if (source == sources_.end() || source->second.accepted != load) continue;
    const std::vector<Problem> mine = declared_in(*load, prepared.broken);
    std::string text = mine.empty() ? "" : render_problems(nullptr, *load->resources, mine);
    if (text == source->second.broken) continue;
    source->second.broken = std::move(text);
    const auto row = journal_.sources().find(key);
    const Condition* stalled = row == journal_.sources().end()
                                   ? nullptr
                                   : find_condition(row->second.conditions, "Stalled");
    // That a newer commit was refused is the greater news.
    if (stalled == nullptr || is_circumstance(*stalled))
      co_await note_source(key, std::string(), std::nullopt);
  }
}

Task<> EngineImpl::look_at_credentials() {
  const SourceState& root = sources_.at(root_source());
  const std::shared_ptr<const SourceLoad> load = root.accepted;
  if (is_solo() || root.broken.empty() || !load) {
    sync_providers();
    co_return;
  }
  const Result<void> taken = co_await take_catalog(*load);
  if (!taken)
    log_warning("engine", "the platform's Secrets cannot be looked at again",
                {{"error", taken.error().describe()}});
}

void EngineImpl::judge_again() {
  for (auto& [key, source] : sources_) {
    const auto row = journal_.sources().find(key);
    const bool is_stalled = row != journal_.sources().end() &&
                            find_condition(row->second.conditions, "Stalled") != nullptr;
    if (key == root_source() || !is_stalled) continue;
    source.was_tried = false;
    source_queue_.add(key);
  }
}

Task<Result<bool>> EngineImpl::fetch_and_load(std::string key) {
  if (!sources_.contains(key))
    co_return fail(ErrorCode::NotFound, "there is no source '" + key + "'");
  const std::shared_ptr<SourceKeeper> keeper = sources_.at(key).keeper;
  const std::int64_t looked_at = span_time();
  Result<std::string> head = co_await keeper->fetch();
  if (!sources_.contains(key)) co_return false;
  if (!head) {
    std::optional<Error> error = head.error();
    co_await note_source(key, std::string(), std::move(error));
    co_return std::unexpected(std::move(head.error()));
  }
  CO_TRY(co_await check_trust(key, *head));
  if (!sources_.contains(key)) co_return false;
  SourceState& state = sources_.at(key);
  const auto row = journal_.sources().find(key);
  const bool is_known = row != journal_.sources().end() && row->second.attempted_revision == *head;
  const SourceLoad* newest = state.candidate ? state.candidate.get() : state.accepted.get();
  if (newest != nullptr && newest->commit == *head) {
    if (state.accepted && state.accepted->commit == *head)
      co_await note_source(key, *head, std::nullopt);
    co_return false;
  }
  if (is_known && state.was_tried && newest != nullptr) {
    const Condition* stalled = find_condition(row->second.conditions, "Stalled");
    // Judged before and found wrong: nothing to do until a newer commit comes.
    const bool is_for_good = stalled != nullptr && (stalled->reason == "InvalidManifests" ||
                                                    stalled->reason == "NotAdmitted");
    if (is_for_good) co_return false;
  }
  begin_push(key, *head, looked_at, span_time());
  auto load = co_await traced("load", keeper->load(*head));
  if (!sources_.contains(key)) co_return false;
  if (!load) {
    std::optional<Error> error = load.error();
    co_await note_source(key, *head, std::move(error));
    co_return std::unexpected(std::move(load.error()));
  }
  if (key == root_source()) {
    Result<void> taken = check_adapters(**load);
    if (taken) taken = co_await take_catalog(**load);
    if (!taken) {
      std::optional<Error> error = taken.error();
      co_await note_source(key, *head, std::move(error));
      co_return std::unexpected(taken.error());
    }
  }
  if (key == kPlatformSource) {
    CO_TRY(co_await accept(key, *load, Transaction{}));
    sync_webhooks();
    end_push(key, std::nullopt);
  } else {
    sources_.at(key).candidate = *load;
  }
  co_return true;
}

Task<Result<void>> EngineImpl::check_trust(std::string key, std::string commit) {
  const auto row = journal_.sources().find(key);
  std::string applied =
      row == journal_.sources().end() ? std::string() : row->second.applied_revision;
  const std::shared_ptr<SourceKeeper> keeper = sources_.at(key).keeper;
  Result<TrustVerdict> verdict = co_await keeper->judge(commit, std::move(applied));
  if (!verdict) {
    std::optional<Error> error = verdict.error();
    co_await note_source(key, commit, std::move(error), "NotVerified");
    co_return fail(std::move(verdict.error()));
  }
  if (!verdict->distrust) co_return Result<void>();
  const Error refusal(ErrorCode::Denied, verdict->words);
  std::optional<Error> error = refusal;
  co_await note_source(key, commit, std::move(error), std::string(to_string(*verdict->distrust)));
  co_return fail(refusal);
}

Task<> EngineImpl::note_source(std::string key, std::string attempted, std::optional<Error> error,
                               std::string reason) {
  const auto state = sources_.find(key);
  if (state == sources_.end()) co_return;
  if (error && state->second.push && state->second.push->commit == attempted)
    end_push(key, error->describe());
  const SourceDeclaration& declaration = state->second.keeper->declaration();
  SourceRow row;
  const auto known = journal_.sources().find(key);
  if (known != journal_.sources().end()) row = known->second;
  const SourceRow before = row;
  row.key = key;
  row.url = declaration.url;
  row.ref = declaration.ref;
  row.path = declaration.path;
  if (!attempted.empty()) row.attempted_revision = attempted;
  const Timestamp now = clock_.now();
  // What is declared is taken, but not all of it is what it should be: a credential is missing, or
  // a key that opens Secrets.
  const std::string& broken = state->second.broken;
  const std::string why = broken.empty() ? kProviderProblem : kSecretProblem;
  std::string problems = key == root_source() ? provider_problems() : "";
  if (!broken.empty()) problems = problems.empty() ? broken : broken + "\n" + problems;
  if (error) {
    const bool is_retryable = error->is_retryable();
    if (reason.empty()) {
      reason = is_retryable                         ? "FetchFailed"
               : attempted.empty()                  ? "SourceMissing"
               : error->code() == ErrorCode::Denied ? "NotAdmitted"
                                                    : "InvalidManifests";
    }
    set_condition(row.conditions,
                  {"Ready", ConditionStatus::False, reason, error->describe(), now});
    set_condition(row.conditions,
                  {"Stalled", ConditionStatus::True, reason, error->describe(), now});
  } else {
    set_condition(row.conditions, {"Ready", ConditionStatus::True, "Loaded", "", now});
    if (problems.empty()) {
      clear_condition(row.conditions, "Stalled");
    } else {
      set_condition(row.conditions, {"Stalled", ConditionStatus::True, why, problems, now});
    }
  }
  if (row == before) co_return;
  row.fetched_at = now;
  Transaction transaction;
  transaction.add(PutSource{row});
  if (row.conditions != before.conditions || row.attempted_revision != before.attempted_revision) {
    EventRow event;
    event.time = now;
    event.tenant = declaration.tenant;
    event.subject = key;
    const bool is_fine = !error && problems.empty();
    event.severity = is_fine ? Severity::Normal : Severity::Warning;
    event.reason = error || is_fine ? find_condition(row.conditions, "Ready")->reason : why;
    event.message = error ? error->describe() : problems;
    event.revision = row.attempted_revision;
    transaction.add(AppendEvent{std::move(event)});
  }
  const Result<void> done = co_await journal_.commit(std::move(transaction));
  if (!done)
    log_warning("engine", "source status not written",
                {{"source", key}, {"error", done.error().describe()}});
  notify();
}

Task<Result<void>> EngineImpl::accept(std::string key, std::shared_ptr<const SourceLoad> load,
                                      Transaction facts) {
  const auto state = sources_.find(key);
  if (state == sources_.end()) co_return Result<void>();
  const std::shared_ptr<SourceKeeper> keeper = state->second.keeper;
  CO_TRY(co_await keeper->pin(load->commit));
  co_await note_source(key, load->commit, std::nullopt);
  const auto known = journal_.sources().find(key);
  if (known == journal_.sources().end())
    co_return fail(ErrorCode::Unavailable, "the status of source " + key + " could not be written");
  SourceRow row = known->second;
  row.applied_revision = load->commit;
  facts.add(PutSource{std::move(row)});
  CO_TRY(co_await journal_.commit(std::move(facts)));
  const auto still = sources_.find(key);
  if (still == sources_.end()) co_return Result<void>();
  if (still->second.candidate == load) still->second.candidate = nullptr;
  still->second.accepted = std::move(load);
  co_return Result<void>();
}

Task<Result<void>> EngineImpl::take_catalog(const SourceLoad& load) {
  Catalog catalog = is_solo() ? make_solo_catalog(*load.resources, load.scripts, root_declaration())
                              : make_catalog(*load.resources, load.scripts);
  catalog.adapters = load.adapters;
  std::vector<Problem> broken;
  CO_TRY_ASSIGN(const SecretTable secrets, co_await open_operator_secrets(load, broken));
  const auto root = journal_.sources().find(root_source());
  const bool is_applied =
      root != journal_.sources().end() && root->second.applied_revision == load.commit;
  // What ran before goes on running, whatever became of the keys.
  if (!is_applied) std::ranges::move(broken, std::back_inserter(catalog.problems));
  name_credentials(catalog, secrets);
  check_against_the_past(catalog);
  if (!catalog.problems.empty()) {
    co_return fail(ErrorCode::Invalid, render_problems(nullptr, *load.resources, catalog.problems));
  }
  for (const auto& [name, declaration] : catalog_.tenants) {
    if (!catalog.tenants.contains(name)) want_tenant(name);
  }
  if (!is_solo()) {
    sources_.at(root_source()).broken =
        is_applied && !broken.empty() ? render_problems(nullptr, *load.resources, broken) : "";
  }
  settings_.operator_secrets->replace(secrets.by_name());
  catalog_ = std::move(catalog);
  has_catalog_ = true;
  sync_providers();
  sync_sources();
  for (const auto& [key, declaration] : catalog_.sources) {
    const auto state = sources_.find(key);
    if (key == root_source() || state == sources_.end() || state->second.accepted) continue;
    const Result<void> loaded = co_await load_applied(key);
    if (!loaded) {
      log_warning("engine", "the last applied revision of a source cannot be read",
                  {{"source", key}, {"error", loaded.error().describe()}});
    }
  }
  // Tenants that only the inventory remembers: removed from the platform while we were away.
  for (const auto& [uid, row] : journal_.tenants()) {
    if (!row.removed_at && !catalog_.tenants.contains(row.name)) want_tenant(row.name);
  }
  co_return Result<void>();
}

void EngineImpl::check_against_the_past(Catalog& catalog) const {
  std::map<std::string, int> in_use;
  for (const auto& [uid, row] : journal_.resources()) {
    if (row.state == InventoryState::Owned && !row.provider.empty()) ++in_use[row.provider];
  }
  for (const auto& [name, count] : in_use) {
    if (catalog.providers.contains(name)) continue;
    catalog.problems.push_back({Ref{"", Kind::Provider, name}, "metadata.name",
                                fmt::format("it is removed, but {} resources are on it", count),
                                "move or remove them first, or declare it again"});
  }
  for (const auto& [uid, row] : journal_.tenants()) {
    if (!row.removed_at || !catalog.tenants.contains(row.name)) continue;
    catalog.problems.push_back(
        {Ref{"", Kind::Tenant, row.name}, "metadata.name",
         fmt::format("a tenant of this name was removed; the name is reserved until {}",
                     row.retained_until ? format_time(*row.retained_until) : "its data is gone"),
         "choose another name: a new tenant inherits nothing of an old one"});
  }
}

void EngineImpl::sync_sources() {
  for (auto it = sources_.begin(); it != sources_.end();) {
    const auto declared = catalog_.sources.find(it->first);
    const bool is_root = it->first == root_source();
    const bool stays = is_root || (declared != catalog_.sources.end() &&
                                   declared->second == it->second.keeper->declaration());
    if (stays) {
      ++it;
      continue;
    }
    source_queue_.forget(it->first);
    it = sources_.erase(it);
  }
  std::vector<SourceDeclaration> declared{root_declaration()};
  for (const auto& [key, declaration] : catalog_.sources) declared.push_back(declaration);
  SourceKeeper::forget_other_keys(settings_.data, declared);
  for (const auto& [key, declaration] : catalog_.sources) {
    if (sources_.contains(key)) continue;
    SourceKeeper::Settings settings;
    settings.mirror = settings_.data / "mirrors" / mirror_name(key);
    settings.secrets = settings_.operator_secrets;
    settings.apps = settings_.github_apps;
    settings.memory = settings_.data;
    settings.scope = SourceScope::Tenant;
    settings.specs = specs_;
    sources_[key].keeper = std::make_shared<SourceKeeper>(
        executor_, fetching_, reading_, declaration, std::move(settings),
        [this, watched = key] { source_queue_.add(watched); });
    source_queue_.add(key);
  }
}

}  // namespace croft
