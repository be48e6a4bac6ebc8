// What plans say: whether a tenant may have what it asks for, and what it costs.

#include <algorithm>

#include <fmt/format.h>

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
  const std::map<Ref, Desired>* accepted = nullptr;
  if (state != tenant_states_.end())
    accepted = state->second.accepted ? &*state->second.accepted : &state->second.desired;
  const FilesSizes sizes = sizes_of(prepared);
  const auto tenant = catalog_.tenants.find(prepared.world.tenant);
  const bool has_walls = tenant != catalog_.tenants.end() && tenant->second.loosening;
  return admit({.plan = plan.get(),
                .platform = &catalog_.terms,
                .world = &prepared.world,
                .accepted = accepted,
                .sizes = &sizes,
                .loosening = has_walls ? &*tenant->second.loosening : nullptr});
}

Result<void> EngineImpl::check_start(const Ref& ref,
                                     const std::vector<DirectiveRow>& waiting) const {
  const std::shared_ptr<const plans::PlanTerms> plan = terms_of(ref.tenant);
  if (plan == nullptr) return {};
  World world;
  world.now = clock_.now();
  world.directives = journal_.directives_of(ref.tenant, world.now);
  for (DirectiveRow stop : waiting) {
    stop.until.reset();
    world.directives.push_back(std::move(stop));
  }
  for (const ResourceRow* row : journal_.resources_of(ref.tenant)) world.inventory.push_back(*row);
  const auto state = tenant_states_.find(ref.tenant);
  if (state != tenant_states_.end()) world.desired = state->second.desired;
  return while_doing(admit_start(*plan, catalog_.terms, world, ref), "starting " + to_string(ref));
}

std::optional<Duration> EngineImpl::longest_run(const std::string& tenant) const {
  const std::shared_ptr<const plans::PlanTerms> plan = terms_of(tenant);
  const Value* longest = plan == nullptr ? nullptr : plan->spec->at_path("governors.maxRuntime");
  if (longest == nullptr || !longest->is_integer()) return std::nullopt;
  return Duration(longest->as_integer());
}

Task<Result<void>> EngineImpl::govern(World& world) {
  const std::optional<Duration> longest = longest_run(world.tenant);
  if (!longest) co_return Result<void>();
  std::vector<Ref> over;
  for (const ResourceRow& row : world.inventory) {
    const auto seen = world.observed.find(row.uid);
    const bool is_over = is_workload(row.ref.kind) && row.state == InventoryState::Owned &&
                         seen != world.observed.end() && seen->second.phase == Phase::Running &&
                         seen->second.started_at &&
                         *seen->second.started_at + *longest <= world.now;
    if (is_over) over.push_back(row.ref);
  }
  for (const Ref& ref : over) {
    DirectiveRow stop;
    stop.ref = ref;
    stop.verb = DirectiveVerb::Stop;
    stop.by = "plan " + world.plan;
    stop.why = fmt::format("it ran for {}, the longest that the plan allows at a stretch",
                           format_duration(*longest));
    CO_TRY(co_await direct(std::move(stop)));
  }
  co_return Result<void>();
}

Task<Result<void>> EngineImpl::end_stops(const World& world, Timestamp now) {
  std::vector<DirectiveRow> waiting = journal_.ended_stops(world.tenant, now);
  while (!waiting.empty()) {
    DirectiveRow stop = waiting.front();
    const bool is_asked = std::ranges::any_of(world.inventory, [&](const ResourceRow& row) {
      const auto seen = world.observed.find(row.uid);
      return concerns(stop.ref, row.ref) && !is_passive(row.ref.kind) &&
             row.state == InventoryState::Owned &&
             (seen == world.observed.end() || seen->second.phase != Phase::Running);
    });
    const Result<void> room = is_asked ? check_start(stop.ref, waiting) : Result<void>();
    waiting.erase(waiting.begin());
    if (room) {
      Transaction transaction;
      transaction.add(EraseDirective{stop.ref, DirectiveVerb::Stop});
      CO_TRY(co_await journal_.commit(std::move(transaction)));
      continue;
    }
    stop.why = fmt::format("the stop by {} is over, but {}", stop.by, room.error().message());
    stop.by = "plan " + world.plan;
    stop.until.reset();
    CO_TRY(co_await direct(std::move(stop)));
  }
  co_return Result<void>();
}

std::optional<Duration> EngineImpl::next_governed(const std::string& tenant) const {
  const std::optional<Duration> longest = longest_run(tenant);
  std::optional<Duration> next;
  if (!longest) return next;
  const Timestamp now = clock_.now();
  for (const ResourceRow* row : journal_.resources_of(tenant)) {
    const Observed* seen = observed_of(*row);
    if (!is_workload(row->ref.kind) || seen == nullptr || seen->phase != Phase::Running ||
        !seen->started_at)
      continue;
    const Duration left = std::chrono::duration_cast<Duration>(*seen->started_at + *longest - now);
    if (!next || left < *next) next = left;
  }
  return next;
}

/// What pricing needs, kept together until it was done on the pool.
struct EngineImpl::PricingJob {
  std::shared_ptr<const plans::PlanTerms> plan;
  PlatformTerms platform;
  std::shared_ptr<const Prepared> prepared;
  FilesSizes sizes;
  UsageFacts usage;
};

Task<Result<std::shared_ptr<const EngineImpl::PricingJob>>> EngineImpl::pricing_job(
    std::shared_ptr<const Prepared> prepared) {
  auto job = std::make_shared<PricingJob>();
  job->plan = terms_of(prepared->world.tenant);
  job->platform = catalog_.terms;
  job->sizes = sizes_of(*prepared);
  job->prepared = std::move(prepared);
  job->usage.world = &job->prepared->world;
  job->usage.sizes = &job->sizes;
  if (const TenantRow* tenant = journal_.tenant_named(job->prepared->world.tenant)) {
    const plans::Month month = plans::last_full_month(job->prepared->world.now);
    CO_TRY_ASSIGN(job->usage.facts,
                  co_await journal_.store().usage(tenant->uid, month.from, month.to));
  }
  co_return std::shared_ptr<const PricingJob>(std::move(job));
}

Task<Result<void>> EngineImpl::with_pricer(std::function<void(plans::Pricer&)> work) {
  auto locked = [pricer = pricer_, work = std::move(work)]() -> Result<void> {
    return pricer->with([&](std::optional<plans::Pricer>& open) -> Result<void> {
      if (!open) {
        TRY_ASSIGN(open, plans::Pricer::make());
      }
      work(*open);
      return {};
    });
  };
  co_return co_await reading_.run(std::move(locked));
}

Task<Changeset> EngineImpl::priced(Changeset changeset, std::shared_ptr<const Prepared> prepared) {
  const std::shared_ptr<const plans::PlanTerms> plan = terms_of(prepared->world.tenant);
  changeset.unpriced = why_unpriced(changeset.plan, plan.get());
  if (plan == nullptr || !plan->has_price()) co_return changeset;
  const auto job = co_await pricing_job(std::move(prepared));
  Result<void> done;
  auto shared = std::make_shared<Changeset>(std::move(changeset));
  if (job) {
    std::function<void(plans::Pricer&)> work = [shared, job = *job](plans::Pricer& pricer) {
      add_prices(*shared, job->plan.get(), job->usage, pricer);
    };
    done = co_await with_pricer(std::move(work));
  } else {
    done = std::unexpected(job.error());
  }
  if (!done) shared->unpriced = done.error().describe();
  co_return std::move(*shared);
}

Task<Result<PriceList>> EngineImpl::price(PriceRequest request) {
  CO_TRY_ASSIGN(Prepared prepared, co_await prepare_for(request.what));
  auto kept = std::make_shared<const Prepared>(std::move(prepared));
  CO_TRY_ASSIGN(const auto job, co_await pricing_job(std::move(kept)));
  auto list = std::make_shared<PriceList>();
  std::function<void(plans::Pricer&)> work = [list, job, request](plans::Pricer& pricer) {
    *list = price_plans(job->platform, request.all_plans, job->usage, request.supposed, pricer);
  };
  CO_TRY(co_await with_pricer(std::move(work)));
  co_return std::move(*list);
}

}  // namespace croft
