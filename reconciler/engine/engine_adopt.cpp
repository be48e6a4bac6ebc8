// Taking into the inventory what runs already.

#include <algorithm>

#include <fmt/format.h>

#include "reconciler/engine/engine_impl.hpp"

namespace croft {

namespace {

struct Stranger {
  std::string provider;
  Observed observed;
};

ResourceRow row_for(const Stranger& stranger, const Desired* desired, std::string source,
                    Timestamp now) {
  ResourceRow row;
  row.uid = stranger.observed.uid;
  row.ref = stranger.observed.ref;
  row.provider = stranger.provider;
  row.source = desired != nullptr ? desired->source : std::move(source);
  row.state = InventoryState::Owned;
  row.phase = stranger.observed.phase;
  row.endpoint = endpoints_text(stranger.observed);
  row.created_at = stranger.observed.started_at.value_or(now);
  // As if what it runs with had been applied: the next diff shows what differs from the
  // declaration.
  row.applied = stranger.observed.fields;
  return row;
}

EventRow event_of(const Stranger& stranger, const std::string& by, Timestamp now) {
  EventRow event;
  event.time = now;
  event.tenant = stranger.observed.ref.tenant;
  event.subject = to_string(stranger.observed.ref);
  event.reason = "Adopted";
  event.message = fmt::format("found at provider {} with uid {}; taken over by {}",
                              stranger.provider, stranger.observed.uid, by);
  return event;
}

}  // namespace

Task<Result<std::vector<Ref>>> EngineImpl::adopt(std::string tenant, std::string by) {
  const auto declaration = catalog_.tenants.find(tenant);
  if (declaration == catalog_.tenants.end())
    co_return fail(ErrorCode::NotFound, "there is no tenant '" + tenant + "'");
  TenantState& state = tenant_states_.try_emplace(tenant, executor_).first->second;
  const Semaphore::Permit turn = co_await state.turn->acquire();
  std::map<std::string, Stranger> by_uid;
  const SteadyTime begun = std::chrono::steady_clock::now();
  std::map<std::string, std::shared_ptr<Observer>> observers;
  for (const auto& [name, provider] : providers_) {
    if (provider.observer) observers.emplace(name, provider.observer);
  }
  for (const auto& [name, observer] : observers) {
    CO_TRY_ASSIGN(const auto snapshot, co_await observer->observe(begun));
    World world;
    world.tenant = tenant;
    add_strangers(*snapshot, world);
    for (auto& [uid, observed] : world.observed) {
      // Two Providers may be the same place; then it is the declaration that says which is meant.
      const auto desired = state.desired.find(observed.ref);
      const bool is_meant = desired != state.desired.end() && desired->second.provider == name;
      if (is_meant || !by_uid.contains(uid))
        by_uid.insert_or_assign(uid, Stranger{name, std::move(observed)});
    }
  }
  std::vector<Stranger> strangers;
  for (auto& [uid, stranger] : by_uid) strangers.push_back(std::move(stranger));
  if (strangers.empty())
    co_return fail(Error(ErrorCode::NotFound, "nothing runs under the name of '" + tenant +
                                                  "' that the inventory does not know")
                       .with_hint("`croft get` shows what it knows"));

  Transaction transaction;
  std::string owner_uid;
  for (const Stranger& stranger : strangers) {
    if (!owner_uid.empty() && !stranger.observed.tenant_uid.empty() &&
        stranger.observed.tenant_uid != owner_uid)
      co_return fail(ErrorCode::Conflict,
                     "what runs was made for several tenants of that name; nothing is adopted");
    if (owner_uid.empty()) owner_uid = stranger.observed.tenant_uid;
  }
  CO_TRY(become(tenant, owner_uid, transaction));
  std::string source;
  if (catalog_.tenants.contains(tenant) && !catalog_.tenants.at(tenant).sources.empty())
    source = catalog_.tenants.at(tenant).sources.front();
  std::vector<Ref> adopted;
  const Timestamp now = clock_.now();
  for (const Stranger& stranger : strangers) {
    const auto desired = state.desired.find(stranger.observed.ref);
    const Desired* wanted = desired == state.desired.end() ? nullptr : &desired->second;
    transaction.add(PutResource{row_for(stranger, wanted, source, now)});
    transaction.add(AppendEvent{event_of(stranger, by, now)});
    adopted.push_back(stranger.observed.ref);
  }
  CO_TRY(co_await journal_.commit(std::move(transaction)));
  std::ranges::sort(adopted);
  want_tenant(tenant);
  notify();
  co_return adopted;
}

Result<void> EngineImpl::become(const std::string& tenant, const std::string& uid,
                                Transaction& transaction) const {
  const TenantRow* known = journal_.tenant_named(tenant);
  if (uid.empty() || (known != nullptr && known->uid == uid)) return {};
  if (known != nullptr && !journal_.resources_of(tenant).empty()) {
    return fail(Error(ErrorCode::Conflict,
                      fmt::format("what runs was made for another tenant named '{}', and this one "
                                  "has resources of its own",
                                  tenant))
                    .with_hint("remove what is not wanted at the provider by hand"));
  }
  TenantRow row;
  row.uid = uid;
  row.name = tenant;
  row.created_at = known != nullptr ? known->created_at : clock_.now();
  if (known != nullptr) transaction.add(EraseTenant{known->uid});
  transaction.add(PutTenant{std::move(row)});
  return {};
}

}  // namespace croft
