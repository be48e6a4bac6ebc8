// Secrets: what tenants' repositories hold of them, and the server's keys that open it. Keys are
// read from their files whenever they are needed and kept nowhere, so that what an operator does
// with the files by hand counts from then on.

#include <algorithm>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "reconciler/engine/engine_impl.hpp"

namespace croft {

namespace {

using Loads = std::vector<std::shared_ptr<const SourceLoad>>;

struct Opened {
  SecretTable table;
  std::vector<Problem> problems;
};

/// The text of the file that a Secret names, or null.
const std::string* file_of(const SourceLoad& load, const Resource& secret) {
  const auto text = load.secret_files.find(secret.spec->text_or("file", ""));
  return text == load.secret_files.end() ? nullptr : &text->second;
}

Opened open_all(const Loads& loads, const SecretOpening& opening) {
  std::vector<Resource> secrets;
  std::map<std::pair<std::string, std::string>, std::string> files;
  for (const auto& load : loads) {
    for (const Resource& resource : *load->resources) {
      if (resource.ref.kind != Kind::Secret) continue;
      secrets.push_back(resource);
      if (const std::string* text = file_of(*load, resource))
        files.emplace(std::pair(resource.origin.source, resource.spec->text_or("file", "")), *text);
    }
  }
  Opened opened;
  opened.table = open_secrets(secrets, files, opening, opened.problems);
  return opened;
}

bool has_secrets(const Loads& loads) {
  return std::ranges::any_of(loads, [](const auto& load) {
    return std::ranges::any_of(*load->resources, [](const Resource& resource) {
      return resource.ref.kind == Kind::Secret;
    });
  });
}

Opened open_with_files(const secret::KeyringFiles& files, SecretOpening opening,
                       const Loads& loads) {
  const Result<secret::Keyring> keys = files.load();
  if (keys) opening.keys = &*keys;
  if (!keys) opening.why_no_keys = keys.error().describe();
  return open_all(loads, opening);
}

std::vector<SealingKey> shown(const secret::Keyring& keys, const std::string& tenant) {
  const std::vector<secret::AgeIdentity> derived = keys.keys_of(tenant);
  std::vector<SealingKey> list;
  for (std::size_t i = keys.keys().size(); i-- > 0;) {
    const std::string& bytes = keys.keys()[i].public_bytes();
    list.push_back({secret::seal_key_id(bytes), secret::seal_key_text(bytes),
                    derived[i].recipient(), i + 1 == keys.keys().size()});
  }
  return list;
}

/// How many of what a tenant has use each Secret, by its name.
std::map<std::string, int> count_users(const std::map<Ref, Desired>& desired) {
  std::map<std::string, int> users;
  for (const auto& [ref, one] : desired) {
    if (!one.spec) continue;
    for (const std::string& name : secrets_named_in(ref.kind, *one.spec)) ++users[name];
  }
  return users;
}

/// What keeps a key from being forgotten: the first thing that would not open any more.
Result<void> check_unused(const secret::Keyring& left, const std::map<std::string, Loads>& loads) {
  for (const auto& [tenant, declared] : loads) {
    const Opened opened = open_all(declared, {tenant, &left, ""});
    if (opened.problems.empty()) continue;
    const Problem& first = opened.problems.front();
    return fail(
        Error(ErrorCode::Conflict, fmt::format("{} would not open any more: {} {}",
                                               to_string(first.ref), first.path, first.message))
            .with_hint("seal it to the newest key first: croft secret reseal DIRECTORY"));
  }
  return {};
}

}  // namespace

void name_credentials(Catalog& catalog, const SecretTable& secrets) {
  for (auto& [name, provider] : catalog.providers) {
    const auto found = secrets.find(provider.spec->text_or("credentials.secret", ""));
    if (found) provider.credential = (*found)->fingerprint;
  }
}

secret::KeyringFiles EngineImpl::key_files() const {
  return {settings_.secrets_dir, settings_.data / "keys"};
}

Task<> EngineImpl::make_keys() {
  auto making = [files = key_files()]() -> Result<void> {
    TRY(files.load_or_make());
    return {};
  };
  const Result<void> made = co_await reading_.run(std::move(making));
  if (!made) log_error("engine", "Secrets cannot be opened", {{"error", made.error().describe()}});
}

SealedTexts EngineImpl::texts_known_of(const Loads& loads, const SourceOverride& instead) const {
  Loads own;
  for (const auto& load : loads) {
    if (load != instead.load) own.push_back(load);
  }
  const auto source = sources_.find(instead.key);
  if (source != sources_.end() && source->second.accepted) own.push_back(source->second.accepted);
  SealedTexts known;
  for (const auto& load : own) {
    for (const Resource& resource : *load->resources) {
      if (resource.ref.kind == Kind::Secret)
        known.merge(sealed_texts(resource, file_of(*load, resource)));
    }
  }
  return known;
}

Task<Result<std::shared_ptr<const OpenedSecrets>>> EngineImpl::opened_secrets(
    std::string tenant, std::optional<SourceOverride> instead, Loads loads) {
  using Shared = std::shared_ptr<const OpenedSecrets>;
  SecretOpening opening;
  opening.tenant = tenant;
  const bool is_strangers = instead && instead->is_strangers;
  if (is_strangers) opening.known = texts_known_of(loads, *instead);
  const auto state = tenant_states_.find(tenant);
  Shared known;
  if (state != tenant_states_.end() && !is_strangers) known = state->second.opened;
  auto work = [files = key_files(), opening, loads, known]() -> Result<Shared> {
    // Taken first: what changes meanwhile makes it out of date, not unnoticed.
    std::string stamp = files.stamp();
    if (known && known->loads == loads && known->stamp == stamp) return known;
    Opened opened = open_with_files(files, opening, loads);
    return std::make_shared<const OpenedSecrets>(OpenedSecrets{
        loads, std::move(stamp), std::make_shared<const SecretTable>(std::move(opened.table)),
        std::move(opened.problems)});
  };
  CO_TRY_ASSIGN(Shared opened, co_await reading_.run(std::move(work)));
  const auto still = tenant_states_.find(tenant);
  if (still != tenant_states_.end() && !instead) still->second.opened = opened;
  co_return opened;
}

Task<> EngineImpl::open_secrets_of(std::string tenant, std::optional<SourceOverride> instead,
                                   Prepared& prepared) {
  static const auto kNone = std::make_shared<const SecretTable>();
  prepared.secrets = kNone;
  Loads loads;
  for (const auto& [key, load] : prepared.loads) loads.push_back(load);
  if (!has_secrets(loads)) co_return;
  const auto opened = co_await opened_secrets(tenant, std::move(instead), std::move(loads));
  if (!opened) {
    prepared.problems.push_back({Ref{}, "", opened.error().message(), opened.error().hint()});
    co_return;
  }
  for (const Problem& problem : (*opened)->problems) {
    std::vector<Problem>& which =
        is_as_accepted(prepared, problem.ref) ? prepared.broken : prepared.problems;
    which.push_back(problem);
  }
  prepared.secrets = (*opened)->table;
}

bool EngineImpl::is_as_accepted(const Prepared& prepared, const Ref& secret) const {
  for (const auto& [key, load] : prepared.loads) {
    const Resource* now = find_resource(*load->resources, secret);
    if (now == nullptr) continue;
    const auto source = sources_.find(key);
    if (source == sources_.end() || !source->second.accepted) return false;
    const SourceLoad& accepted = *source->second.accepted;
    const Resource* before = find_resource(*accepted.resources, secret);
    return before != nullptr && *now->spec == *before->spec &&
           sealed_texts(*now, file_of(*load, *now)) ==
               sealed_texts(*before, file_of(accepted, *before));
  }
  return false;
}

Task<Result<SecretTable>> EngineImpl::open_operator_secrets(const SourceLoad& load,
                                                            std::vector<Problem>& problems) {
  const Loads loads{std::make_shared<const SourceLoad>(load)};
  if (!has_secrets(loads)) co_return SecretTable();
  SecretOpening opening;
  if (is_solo()) opening.tenant = kSoloTenant;
  auto work = [files = key_files(), opening, loads]() -> Result<Opened> {
    return open_with_files(files, opening, loads);
  };
  CO_TRY_ASSIGN(Opened opened, co_await reading_.run(std::move(work)));
  // A tenant's Secrets are judged with all that it declares.
  if (!is_solo()) {
    for (Problem& problem : opened.problems) problems.push_back(std::move(problem));
  }
  co_return std::move(opened.table);
}

Task<Result<std::vector<SealingKey>>> EngineImpl::sealing_keys(std::string tenant) {
  auto reading = [files = key_files(), tenant]() -> Result<std::vector<SealingKey>> {
    TRY_ASSIGN(const secret::Keyring keys, files.load());
    return shown(keys, tenant);
  };
  co_return co_await reading_.run(std::move(reading));
}

Task<Result<void>> EngineImpl::rotate_sealing_key(std::string by) {
  auto rotating = [files = key_files()]() -> Result<std::string> {
    TRY_ASSIGN(const secret::Keyring keys, files.rotate());
    return secret::seal_key_id(keys.newest().public_bytes());
  };
  CO_TRY_ASSIGN(const std::string id, co_await reading_.run(std::move(rotating)));
  std::string message = fmt::format("{} made the sealing key {}; older ones go on opening", by, id);
  co_return co_await note_keys("SealingKeyRotated", std::move(message));
}

Result<std::map<std::string, Loads>> EngineImpl::applied_loads() const {
  std::map<std::string, Loads> loads;
  for (const auto& [key, row] : journal_.sources()) {
    const bool is_root = key == root_source();
    if (row.applied_revision.empty() || !(is_root || catalog_.sources.contains(key))) continue;
    const auto source = sources_.find(key);
    // Without a catalog nobody knows which sources there are.
    const bool is_known = source != sources_.end() && source->second.accepted && has_catalog_;
    if (!is_known)
      return fail(Error(ErrorCode::Conflict,
                        fmt::format("what is applied of source {} is not at hand, so that nobody "
                                    "knows whether it needs the key",
                                    key))
                      .with_hint("look at `croft source ls`; try again once it is read"));
    loads[source->second.keeper->declaration().tenant].push_back(source->second.accepted);
  }
  return loads;
}

Task<Result<void>> EngineImpl::retire_sealing_key(std::string id, std::string by) {
  CO_TRY_ASSIGN(const auto loads, applied_loads());
  auto retiring = [files = key_files(), id, loads]() -> Result<void> {
    TRY(files.retire(id, [&](const secret::Keyring& left) { return check_unused(left, loads); }));
    return {};
  };
  CO_TRY(co_await reading_.run(std::move(retiring)));
  std::string message = fmt::format("{} retired the sealing key {}", by, id);
  co_return co_await note_keys("SealingKeyRetired", std::move(message));
}

Task<Result<std::string>> EngineImpl::reseal(SealedValue value) {
  auto sealing = [files = key_files(), value]() -> Result<std::string> {
    TRY_ASSIGN(const secret::Keyring keys, files.load());
    const secret::SealScope scope{value.tenant, value.name, value.key};
    TRY_ASSIGN(const Secret<std::string> clear, secret::unseal(keys.keys(), scope, value.sealed));
    const std::string& newest = keys.newest().public_bytes();
    if (secret::seal_key_of(value.sealed) == secret::seal_key_id(newest)) return value.sealed;
    return secret::seal(newest, scope, clear.reveal());
  };
  co_return co_await reading_.run(std::move(sealing));
}

Task<Result<void>> EngineImpl::note_keys(std::string reason, std::string message) {
  EventRow event;
  event.time = clock_.now();
  event.subject = std::string(kPlatformSource);
  event.reason = std::move(reason);
  event.message = std::move(message);
  Transaction transaction;
  transaction.add(AppendEvent{std::move(event)});
  Result<void> done = co_await journal_.commit(std::move(transaction));
  notify();
  co_return done;
}

Condition EngineImpl::readiness_of_secret(const Ref& secret,
                                          const std::shared_ptr<const SourceLoad>& load) const {
  const auto state = tenant_states_.find(secret.tenant);
  const OpenedSecrets* opened =
      state == tenant_states_.end() ? nullptr : state->second.opened.get();
  const bool is_known =
      opened != nullptr && std::ranges::find(opened->loads, load) != opened->loads.end();
  if (!is_known) return {"Ready", ConditionStatus::Unknown, "NotOpenedYet", "", Timestamp{}};
  const auto problem = std::ranges::find(opened->problems, secret, &Problem::ref);
  if (problem == opened->problems.end())
    return {"Ready", ConditionStatus::True, "Opened", "", Timestamp{}};
  return {"Ready", ConditionStatus::False, "Broken", problem->path + " " + problem->message,
          Timestamp{}};
}

void EngineImpl::add_secrets(const std::string& tenant, std::vector<ResourceStatus>& all) const {
  std::map<std::string, std::map<std::string, int>> users;
  for (const auto& [key, source] : sources_) {
    const std::string& owner = source.keeper->declaration().tenant;
    if (!source.accepted || (!tenant.empty() && owner != tenant)) continue;
    for (const Resource& secret : *source.accepted->resources) {
      if (secret.ref.kind != Kind::Secret || secret.ref.tenant.empty()) continue;
      const auto state = tenant_states_.find(secret.ref.tenant);
      if (state != tenant_states_.end() && !users.contains(secret.ref.tenant))
        users[secret.ref.tenant] = count_users(state->second.desired);
      ResourceStatus status;
      status.ref = secret.ref;
      status.source = key;
      status.phase = Phase::Running;
      status.conditions = {readiness_of_secret(secret.ref, source.accepted)};
      status.message = fmt::format("used by {}", users[secret.ref.tenant][secret.ref.name]);
      status.applied_revision = status.attempted_revision = source.accepted->commit;
      const auto row = journal_.sources().find(key);
      if (row != journal_.sources().end() && row->second.fetched_at)
        status.created_at = status.conditions[0].since = *row->second.fetched_at;
      all.push_back(std::move(status));
    }
  }
}

}  // namespace croft
