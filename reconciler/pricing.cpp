#include "reconciler/pricing.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "plans/pricing/basis.hpp"
#include "plans/pricing/delta.hpp"

namespace croft {

namespace {

using plans::Basis;
using plans::PricedResource;
using plans::ResourceChange;

bool is_priced(const Change& change) {
  return scope_of(change.ref.kind) == KindScope::Tenant && change.ref.kind != Kind::Network &&
         change.reason != "Leftover";
}

bool is_there_before(const Change& change) {
  return change.before != nullptr && change.action != Action::Create;
}

bool is_there_after(const Change& change) {
  return change.after != nullptr && change.action != Action::Destroy;
}

/// A meter that the plan charges by and nobody measures.
std::vector<std::string> unmeasured(const plans::PlanTerms& plan) {
  std::vector<std::string> names;
  const Value* rates = plan.spec->find("rates");
  if (rates == nullptr || !rates->is_list()) return names;
  for (const Value& rate : rates->as_list()) {
    const std::string meter = rate.text_or("meter", "");
    if (meter == "egress" || meter == "requests")
      names.push_back(meter + ": not measured yet; `croft price --usage` counts it");
  }
  return names;
}

/// Works out how much each resource is used, and remembers what that stands on.
class UsageBasis {
 public:
  explicit UsageBasis(const UsageFacts& usage)
      : usage_(usage),
        month_(plans::last_full_month(usage.world->now)),
        measured_(plans::measured_usage(usage.facts, month_)) {
    for (const ResourceRow& row : usage.world->inventory) {
      rows_.emplace(row.uid, &row);
      if (row.state == InventoryState::Owned) uids_.emplace(row.ref, row.uid);
    }
  }

  /// `counts` says whether it is part of what the words are about.
  PricedResource priced(const Ref& ref, const std::string& uid, const std::string& provider,
                        const Value& spec, bool counts) {
    PricedResource resource;
    resource.footprint = footprint_in(*usage_.world, usage_.sizes, ref, provider, spec);
    std::optional<Timestamp> created_at;
    const auto row = rows_.find(uid);
    if (row != rows_.end() && usage_.world->is_observed) created_at = row->second->created_at;
    const auto measured = measured_.find(uid);
    const Basis basis = assume_usage(
        resource, created_at, measured == measured_.end() ? nullptr : &measured->second, month_);
    if (counts) note(basis, resource.usage);
    return resource;
  }

  /// The uid that the tenant's resource of that ref has, or empty.
  std::string uid_of(const Ref& ref) const {
    const auto found = uids_.find(ref);
    return found == uids_.end() ? "" : found->second;
  }

  std::string words() const {
    return plans::basis_words(measured_seconds_, has_measured_, has_new_, month_);
  }

 private:
  void note(Basis basis, const plans::Usage& usage) {
    has_measured_ = has_measured_ || basis == Basis::Measured;
    has_new_ = has_new_ || basis == Basis::AlwaysOn;
    if (basis == Basis::Measured) measured_seconds_ += usage.active_seconds.value_or(0);
  }

  const UsageFacts& usage_;
  plans::Month month_;
  std::map<std::string, plans::Usage> measured_;
  std::map<std::string, const ResourceRow*> rows_;
  std::map<Ref, std::string> uids_;
  bool has_measured_ = false;
  bool has_new_ = false;
  std::int64_t measured_seconds_ = 0;
};

class ChangesetPricer {
 public:
  ChangesetPricer(Changeset& changeset, const plans::PlanTerms& plan, const UsageFacts& usage,
                  plans::Pricer& pricer)
      : changeset_(changeset), plan_(plan), pricer_(pricer), basis_(usage) {}

  void run() {
    std::vector<Change*> changes;
    std::vector<ResourceChange> resources;
    for (Change& change : changeset_.changes) {
      if (!is_priced(change)) continue;
      changes.push_back(&change);
      resources.push_back(read(change));
    }
    Result<plans::SetPrice> price = price_changes(pricer_, plan_, resources);
    if (!price) {
      changeset_.unpriced = price.error().describe();
      return;
    }
    for (std::size_t i = 0; i < changes.size(); ++i) changes[i]->price = price->changes[i];
    set_total(std::move(*price));
  }

 private:
  ResourceChange read(const Change& change) {
    ResourceChange resource;
    const std::string& from =
        change.provider_before.empty() ? change.provider : change.provider_before;
    if (is_there_before(change))
      resource.before = basis_.priced(change.ref, change.uid, from, *change.before, false);
    if (is_there_after(change))
      resource.after = basis_.priced(change.ref, change.uid, change.provider, *change.after, true);
    return resource;
  }

  void set_total(plans::SetPrice price) {
    ChangesetPrice total;
    total.rule = plan_.rule->name;
    total.before = std::move(price.before.total);
    total.after = std::move(price.after.total);
    total.delta = std::move(price.delta);
    total.shared = std::move(price.shared);
    total.lines = std::move(price.after.lines);
    total.notices = std::move(price.after.notices);
    total.basis = basis_.words();
    total.unpriced = unmeasured(plan_);
    changeset_.price = std::move(total);
  }

  Changeset& changeset_;
  const plans::PlanTerms& plan_;
  plans::Pricer& pricer_;
  UsageBasis basis_;
};

/// What is supposed stands in for what is assumed. What is said of all together is put on the first
/// resource, so that it adds up.
void suppose(std::vector<PricedResource>& resources, const SupposedUsage& supposed) {
  for (PricedResource& resource : resources) {
    if (supposed.hours && is_workload(resource.footprint.ref.kind))
      resource.usage.active_seconds = *supposed.hours * 3600;
    const bool is_first = &resource == &resources.front();
    const auto put = [&](std::optional<std::int64_t>& usage, std::optional<std::int64_t> all) {
      if (all) usage = is_first ? *all : 0;
    };
    put(resource.usage.storage_bytes, supposed.storage_bytes);
    put(resource.usage.egress_bytes, supposed.egress_bytes);
    put(resource.usage.requests, supposed.requests);
  }
}

std::string supposed_words(const SupposedUsage& supposed) {
  std::vector<std::string> words;
  if (supposed.hours) words.push_back(fmt::format("{} hours of each Instance", *supposed.hours));
  if (supposed.storage_bytes)
    words.push_back(format_bytes(Bytes{*supposed.storage_bytes}) + " of storage");
  if (supposed.egress_bytes)
    words.push_back(format_bytes(Bytes{*supposed.egress_bytes}) + " of egress");
  if (supposed.requests) words.push_back(fmt::format("{} requests", *supposed.requests));
  return fmt::format("{}", fmt::join(words, ", "));
}

/// The unmeasured meters that nobody supposed anything of either.
std::vector<std::string> left_out(const plans::PlanTerms& plan, const SupposedUsage& supposed) {
  std::vector<std::string> names = unmeasured(plan);
  std::erase_if(names, [&](const std::string& name) {
    return (name.starts_with("egress") && supposed.egress_bytes) ||
           (name.starts_with("requests") && supposed.requests);
  });
  return names;
}

PlanPrice price_plan(const plans::PlanTerms& plan, const plans::PricedSet& set,
                     const std::vector<plans::Footprint>& footprints, const SupposedUsage& supposed,
                     plans::Pricer& pricer) {
  PlanPrice price{.plan = plan.name};
  price.refusals = check_quotas(plan, {}, footprints, {}).refusals;
  for (Problem& refusal : price.refusals) refusal.hint.clear();
  if (!plan.has_price()) {
    price.problem = "the plan has no price";
    return price;
  }
  price.rule = plan.rule->name;
  price.unpriced = left_out(plan, supposed);
  Result<plans::Quote> quote = pricer.quote(plan, set);
  if (quote) {
    price.quote = std::move(*quote);
  } else {
    price.problem = quote.error().describe();
  }
  return price;
}

}  // namespace

std::string why_unpriced(const std::string& plan, const plans::PlanTerms* terms) {
  if (plan.empty() || (terms != nullptr && terms->has_price())) return "";
  if (terms != nullptr) return fmt::format("plan '{}' has no price", plan);
  return fmt::format("plan '{}' is not there, or its rule cannot be used", plan);
}

void add_prices(Changeset& changeset, const plans::PlanTerms* plan, const UsageFacts& usage,
                plans::Pricer& pricer) {
  changeset.unpriced = why_unpriced(changeset.plan, plan);
  if (plan == nullptr || !plan->has_price()) return;
  ChangesetPricer(changeset, *plan, usage, pricer).run();
}

PriceList price_plans(const PlatformTerms& platform, bool all_plans, const UsageFacts& usage,
                      const SupposedUsage& supposed, plans::Pricer& pricer) {
  UsageBasis basis(usage);
  std::vector<PricedResource> resources;
  for (const auto& [ref, desired] : usage.world->desired) {
    if (!desired.spec) continue;
    resources.push_back(
        basis.priced(ref, basis.uid_of(ref), desired.provider, *desired.spec, true));
  }
  suppose(resources, supposed);
  plans::PricedSet set;
  std::vector<plans::Footprint> footprints;
  for (const PricedResource& resource : resources) {
    set.add(resource);
    footprints.push_back(resource.footprint);
  }
  PriceList list;
  for (const auto& [name, plan] : platform.plans) {
    const bool is_current = name == usage.world->plan;
    if (!is_current && !all_plans) continue;
    list.plans.push_back(price_plan(*plan, set, footprints, supposed, pricer));
    list.plans.back().is_current = is_current;
  }
  std::ranges::stable_sort(list.plans, [](const PlanPrice& a, const PlanPrice& b) {
    const auto key = [](const PlanPrice& price) {
      return std::tuple(!price.is_current, !price.quote,
                        price.quote ? price.quote->total.currency : "",
                        price.quote ? price.quote->total.minor : 0);
    };
    return key(a) < key(b);
  });
  const std::string words = supposed_words(supposed);
  const std::string assumed = supposed.hours ? "" : basis.words();
  list.basis = words + (words.empty() || assumed.empty() ? "" : "; ") + assumed;
  return list;
}

}  // namespace croft
