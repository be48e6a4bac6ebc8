// Providers: made of adapters in C++, or of scripts that this program or the operator brings.

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "core/base/suggest.hpp"
#include "reconciler/engine/engine_impl.hpp"
#include "reconciler/engine/measured_provider.hpp"

namespace croft {

const AdapterScript* EngineImpl::script_of(const std::map<std::string, AdapterScript>& own,
                                           const std::string& adapter) const {
  if (!settings_.scripted || adapters_.contains(adapter)) return nullptr;
  const auto found = own.find(adapter);
  if (found != own.end()) return &found->second;
  for (const AdapterScript& shipped : settings_.shipped_scripts) {
    if (shipped.name == adapter) return &shipped;
  }
  return nullptr;
}

Error EngineImpl::unknown_adapter(const std::map<std::string, AdapterScript>& own,
                                  const std::string& adapter) const {
  std::vector<std::string> names;
  for (const auto& [name, factory] : adapters_) names.push_back(name);
  for (const auto& [name, script] : own) names.push_back(name);
  for (const AdapterScript& shipped : settings_.shipped_scripts) names.push_back(shipped.name);
  Error error(ErrorCode::Invalid, fmt::format("there is no adapter '{}'", adapter));
  const auto meant = closest_word(adapter, names);
  return std::move(error).with_hint(
      meant ? fmt::format("did you mean '{}'?", *meant)
            : fmt::format("an own one is adapters/{}/adapter.lua of the platform repository",
                          adapter));
}

Result<void> EngineImpl::check_adapters(const SourceLoad& load) const {
  if (!settings_.scripted) return {};
  for (const auto& [name, script] : load.adapters) {
    TRY(settings_.scripted->check(script));
  }
  std::vector<Problem> problems;
  for (const Resource& resource : *load.resources) {
    if (resource.ref.kind != Kind::Provider) continue;
    const std::string adapter = resource.spec->text_or("adapter", "");
    if (adapters_.contains(adapter)) continue;
    const AdapterScript* const script = script_of(load.adapters, adapter);
    const Result<void> fine =
        script != nullptr ? settings_.scripted->check(*script, resource.ref.name, *resource.spec)
                          : Result<void>(std::unexpected(unknown_adapter(load.adapters, adapter)));
    if (fine) continue;
    const Error& error = fine.error();
    problems.push_back(
        {resource.ref, script != nullptr ? "spec" : "spec.adapter", error.message(), error.hint()});
  }
  if (problems.empty()) return {};
  return fail(ErrorCode::Invalid, render_problems(nullptr, *load.resources, problems));
}

ProviderState EngineImpl::make_provider(const ProviderDeclaration& declaration) {
  ProviderState state;
  state.declaration = declaration;
  const auto factory = adapters_.find(declaration.adapter);
  const AdapterScript* const script = script_of(catalog_.adapters, declaration.adapter);
  if (factory == adapters_.end() && script == nullptr) {
    state.error = unknown_adapter(catalog_.adapters, declaration.adapter).describe();
    return state;
  }
  if (script != nullptr) state.script = *script;
  Result<std::shared_ptr<Provider>> made =
      script != nullptr ? settings_.scripted->make(*script, declaration.name, *declaration.spec)
                        : factory->second(declaration.name, *declaration.spec);
  if (!made) {
    state.error = made.error().describe();
    return state;
  }
  *made = measured(std::move(*made), declaration.name, declaration.adapter);
  (*made)->on_change([this](const std::string& uid) { want_tenant(tenant_of_uid(uid)); });
  (*made)->on_news([this](ProviderNews news) { news_.add(std::move(news)); });
  state.lane.provider = *made;
  state.lane.permits = std::make_shared<EffectPermits>(executor_, EffectLimits{});
  state.observer = std::make_shared<Observer>(executor_, *made, *specs_);
  return state;
}

void EngineImpl::sync_provider(const ProviderDeclaration& declaration) {
  const auto known = providers_.find(declaration.name);
  const AdapterScript* const script = script_of(catalog_.adapters, declaration.adapter);
  const bool is_same = known != providers_.end() &&
                       known->second.declaration.adapter == declaration.adapter &&
                       *known->second.declaration.spec == *declaration.spec &&
                       known->second.declaration.credential == declaration.credential &&
                       known->second.script == (script != nullptr ? *script : AdapterScript{});
  if (is_same && known->second.error.empty()) {
    known->second.kept_because.clear();
    return;
  }
  ProviderState state = make_provider(declaration);
  if (!state.error.empty()) {
    const bool runs_on = known != providers_.end() && known->second.lane.provider;
    const bool was_said = runs_on ? known->second.kept_because == state.error
                                  : is_same && known->second.error == state.error;
    if (was_said) return;
    log_error("engine",
              runs_on ? "a provider cannot be made anew and runs on as it was"
                      : "a provider cannot be used",
              {{"provider", declaration.name}, {"error", state.error}});
    if (runs_on) {
      known->second.kept_because = std::move(state.error);
      return;
    }
  } else if (known != providers_.end()) {
    log_info("engine", "a provider was made anew",
             {{"provider", declaration.name}, {"adapter", declaration.adapter}});
  }
  if (known != providers_.end() && known->second.lane.provider)
    known->second.lane.provider->retire();
  ++providers_version_;
  providers_.insert_or_assign(declaration.name, std::move(state));
}

std::string EngineImpl::provider_problems() const {
  std::string text;
  for (const auto& [name, provider] : providers_) {
    if (!catalog_.providers.contains(name)) continue;
    std::string problem;
    if (!provider.kept_because.empty()) {
      problem = fmt::format("provider '{}' runs on as it was before its last change: {}", name,
                            provider.kept_because);
    } else if (!provider.error.empty()) {
      problem = fmt::format("provider '{}' cannot be used: {}", name, provider.error);
    }
    if (!problem.empty()) text += (text.empty() ? "" : "; ") + problem;
  }
  return text;
}

std::vector<ProviderStatus> EngineImpl::providers() const {
  std::vector<ProviderStatus> all;
  for (const auto& [name, provider] : providers_) {
    ProviderStatus status{.name = name, .adapter = provider.declaration.adapter};
    status.is_ready = provider.lane.provider != nullptr && provider.observe_error.empty();
    for (const std::string* text :
         {&provider.error, &provider.observe_error, &provider.kept_because}) {
      if (status.message.empty()) status.message = *text;
    }
    if (provider.lane.provider) status.missing = provider.lane.provider->capabilities().missing;
    all.push_back(std::move(status));
  }
  return all;
}

void EngineImpl::sync_providers() {
  for (const auto& [name, declaration] : catalog_.providers) sync_provider(declaration);
  for (auto& [name, provider] : providers_) {
    const auto rule = catalog_.terms.health_rules.find(name);
    if (provider.observer)
      provider.observer->judge_by(rule == catalog_.terms.health_rules.end() ? nullptr
                                                                            : rule->second);
  }
  // A provider that still has something of ours is kept, declared or not: what is there must be
  // found again.
  std::erase_if(providers_, [this](const auto& entry) {
    if (catalog_.providers.contains(entry.first)) return false;
    for (const auto& [uid, row] : journal_.resources()) {
      if (row.provider == entry.first) return false;
    }
    return true;
  });
}

}  // namespace croft
