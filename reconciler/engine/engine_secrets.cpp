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

Opened open_all(const Loads& loads, const SecretOpening& opening) {
  std::vector<Resource> secrets;
  std::map<std::pair<std::string, std::string>, std::string> files;
  for (const auto& load : loads) {
    for (const Resource& resource : *load->resources) {
      if (resource.ref.kind != Kind::Secret) continue;
      secrets.push_back(resource);
      const std::string file = resource.spec->text_or("file", "");
      const auto text = load->secret_files.find(file);
      if (text != load->secret_files.end())
        files.emplace(std::pair(resource.origin.source, file), text->second);
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

Result<Opened> open_with_files(const secret::KeyringFiles& files, const std::string& tenant,
                               const Loads& loads) {
  const Result<secret::Keyring> keys = files.load();
  SecretOpening opening{tenant, keys ? &*keys : nullptr,
                        keys ? std::string() : keys.error().describe()};
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

std::vector<std::shared_ptr<const SourceLoad>> loads_of(const Prepared& prepared) {
  Loads loads;
  for (const auto& [key, load] : prepared.loads) loads.push_back(load);
  return loads;
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

Task<> EngineImpl::open_secrets_of(std::string tenant, Prepared& prepared) {
  static const auto kNone = std::make_shared<const SecretTable>();
  const Loads loads = loads_of(prepared);
  const auto known = tenant_states_.find(tenant);
  if (known != tenant_states_.end() && known->second.secrets &&
      known->second.secret_loads == loads) {
    prepared.secrets = known->second.secrets;
    co_return;
  }
  prepared.secrets = kNone;
  if (!has_secrets(loads)) co_return;
  auto opening = [files = key_files(), tenant, loads]() -> Result<Opened> {
    return open_with_files(files, tenant, loads);
  };
  Result<Opened> opened = co_await reading_.run(std::move(opening));
  if (!opened) {
    prepared.problems.push_back({Ref{}, "", opened.error().message(), opened.error().hint()});
    co_return;
  }
  for (Problem& problem : opened->problems) prepared.problems.push_back(std::move(problem));
  prepared.secrets = std::make_shared<const SecretTable>(std::move(opened->table));
}

Task<Result<SecretTable>> EngineImpl::open_operator_secrets(const SourceLoad& load,
                                                            std::vector<Problem>& problems) {
  const Loads loads{std::make_shared<const SourceLoad>(load)};
  if (!has_secrets(loads)) co_return SecretTable();
  const std::string whose = is_solo() ? std::string(kSoloTenant) : std::string();
  auto opening = [files = key_files(), whose, loads]() -> Result<Opened> {
    return open_with_files(files, whose, loads);
  };
  CO_TRY_ASSIGN(Opened opened, co_await reading_.run(std::move(opening)));
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

Task<Result<void>> EngineImpl::retire_sealing_key(std::string id, std::string by) {
  std::map<std::string, Loads> loads;
  for (const auto& [name, tenant] : catalog_.tenants) {
    for (const std::string& key : tenant.sources) {
      const auto source = sources_.find(key);
      if (source != sources_.end() && source->second.accepted)
        loads[name].push_back(source->second.accepted);
    }
  }
  auto retiring = [files = key_files(), id, loads]() -> Result<void> {
    TRY_ASSIGN(const secret::Keyring keys, files.load());
    TRY_ASSIGN(const secret::Keyring left, keys.without(id));
    TRY(check_unused(left, loads));
    TRY(files.retire(id));
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

}  // namespace croft
