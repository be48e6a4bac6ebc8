// How the engine fares, and what runs uses: for those who watch.

#include "core/base/log.hpp"
#include "reconciler/engine/engine_impl.hpp"

namespace croft {

EngineVitals EngineImpl::vitals() const {
  EngineVitals vitals;
  vitals.queues = {source_queue_.vitals(), tenant_queue_.vitals()};
  for (const auto& [name, provider] : providers_) {
    const bool is_usable =
        provider.error.empty() && provider.kept_because.empty() && provider.observe_error.empty();
    vitals.providers.push_back({name, provider.declaration.adapter, is_usable});
  }
  if (has_catalog_) return vitals;
  const std::string root = root_source();
  vitals.waits_for = "source " + root + " was never loaded";
  const auto row = journal_.sources().find(root);
  if (row == journal_.sources().end()) return vitals;
  const Condition* stalled = find_condition(row->second.conditions, "Stalled");
  // Its message shows what is in the repository, and is not for everybody who watches.
  if (stalled != nullptr) vitals.waits_for += " (" + stalled->reason + ")";
  return vitals;
}

Task<Result<std::vector<ResourceUse>>> EngineImpl::use(std::string tenant) {
  std::map<std::string, Use> by_uid;
  std::map<std::string, std::shared_ptr<Provider>> asked;  // one may be made anew meanwhile
  for (const auto& [name, provider] : providers_) {
    if (provider.lane.provider) asked.emplace(name, provider.lane.provider);
  }
  for (const auto& [name, provider] : asked) {
    Result<std::vector<Use>> used = co_await provider->use();
    if (!used) {
      log_debug("engine", "a provider does not say what is used",
                {{"provider", name}, {"error", used.error().describe()}});
      continue;
    }
    for (Use& one : *used) by_uid.insert_or_assign(one.uid, std::move(one));
  }
  std::vector<ResourceUse> all;
  for (const ResourceStatus& shown : status(tenant)) {
    if (shown.uid.empty()) continue;  // a Stack is shown by its parts
    ResourceUse one{shown.ref, shown.provider, shown.phase, shown.restarts, std::nullopt};
    const auto found = by_uid.find(shown.uid);
    if (found != by_uid.end()) one.use = found->second;
    all.push_back(std::move(one));
  }
  co_return all;
}

}  // namespace croft
