// What plans say: whether a tenant may have what it asks for, and what it costs.

#include <algorithm>

#include "plans/pricing/basis.hpp"
#include "reconciler/engine/engine_impl.hpp"

namespace croft {

std::shared_ptr<const plans::PlanTerms> EngineImpl::terms_of(const std::string& tenant) const {
  const auto declared = catalog_.tenants.find(tenant);
  if (declared == catalog_.tenants.end()) return nullptr;
  const auto terms = catalog_.terms.plans.find(declared->second.plan);
  return terms == catalog_.terms.plans.end() ? nullptr : terms->second;
}

bool EngineImpl::has_candidate(const Prepared& prepared) const {
  return std::any_of(prepared.loads.begin(), prepared.loads.end(), [&](const auto& entry) {
    const auto source = sources_.find(entry.first);
    return source == sources_.end() || source->second.accepted != entry.second;
  });
}

FilesSizes EngineImpl::sizes_of(const Prepared& prepared) const {
  FilesSizes sizes;
  for (const auto& [key, load] : prepared.loads) {
    sizes.insert(load->sizes.begin(), load->sizes.end());
    const auto source = sources_.find(key);
    if (source == sources_.end() || !source->second.accepted) continue;
    const FilesSizes& accepted = source->second.accepted->sizes;
    sizes.insert(accepted.begin(), accepted.end());
  }
  return sizes;
}

Admission EngineImpl::admission_of(const Prepared& prepared) const {
  const std::shared_ptr<const plans::PlanTerms> plan = terms_of(prepared.world.tenant);
  const auto state = tenant_states_.find(prepared.world.tenant);
  const FilesSizes sizes = sizes_of(prepared);
  return admit({.plan = plan.get(),
                .platform = &catalog_.terms,
                .world = &prepared.world,
                .accepted = state == tenant_states_.end() ? nullptr : &state->second.desired,
                .sizes = &sizes});
}

Task<Changeset> EngineImpl::priced(Changeset changeset, std::shared_ptr<const Prepared> prepared) {
  const std::shared_ptr<const plans::PlanTerms> plan = terms_of(prepared->world.tenant);
  if (plan == nullptr || !plan->has_price()) co_return changeset;
  auto request = std::make_shared<PricingRequest>();
  const auto sizes = std::make_shared<const FilesSizes>(sizes_of(*prepared));
  if (const TenantRow* tenant = journal_.tenant_named(prepared->world.tenant)) {
    const plans::Month month = plans::last_full_month(prepared->world.now);
    auto facts = co_await journal_.store().usage(tenant->uid, month.from, month.to);
    if (!facts) {
      changeset.notes.push_back("not priced: " + facts.error().describe());
      co_return changeset;
    }
    request->facts = std::move(*facts);
  }
  request->plan = plan.get();
  request->world = &prepared->world;
  request->sizes = sizes.get();
  auto shared = std::make_shared<Changeset>(std::move(changeset));
  // The lambda keeps what the request borrows.
  auto work = [pricer = pricer_, shared, request, plan, prepared, sizes] {
    pricer->with([&](std::optional<plans::Pricer>& open) {
      if (!open) {
        Result<plans::Pricer> made = plans::Pricer::make();
        if (!made) {
          shared->notes.push_back("not priced: " + made.error().describe());
          return;
        }
        open.emplace(std::move(*made));
      }
      add_prices(*shared, *request, *open);
    });
  };
  co_await reading_.run(std::move(work));
  co_return std::move(*shared);
}

}  // namespace croft
