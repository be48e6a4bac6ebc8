#include "reconciler/pricing.hpp"

#include <set>

#include <fmt/format.h>

#include "plans/pricing/basis.hpp"
#include "plans/pricing/delta.hpp"

namespace croft {

namespace {

using plans::Basis;
using plans::PricedResource;
using plans::ResourceChange;

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

class ChangesetPricer {
 public:
  ChangesetPricer(Changeset& changeset, const PricingRequest& request, plans::Pricer& pricer)
      : changeset_(changeset),
        request_(request),
        pricer_(pricer),
        month_(plans::last_full_month(request.world->now)),
        measured_(plans::measured_usage(request.facts, month_)) {
    for (const ResourceRow& row : request.world->inventory) rows_.emplace(row.uid, &row);
  }

  void run() {
    std::vector<Change*> changes;
    std::vector<ResourceChange> resources;
    for (Change& change : changeset_.changes) {
      if (scope_of(change.ref.kind) != KindScope::Tenant || change.reason == "Leftover") continue;
      changes.push_back(&change);
      resources.push_back(read(change));
    }
    Result<plans::SetPrice> price = price_changes(pricer_, *request_.plan, resources);
    if (!price) {
      changeset_.notes.push_back("not priced: " + price.error().describe());
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
    if (is_there_before(change)) resource.before = priced(change, from, *change.before, false);
    if (is_there_after(change))
      resource.after = priced(change, change.provider, *change.after, true);
    return resource;
  }

  PricedResource priced(const Change& change, const std::string& provider, const Value& spec,
                        bool is_after) {
    PricedResource resource;
    const plans::FilesSize* size = nullptr;
    if (request_.sizes != nullptr) {
      const auto found = request_.sizes->find(spec.text_or("files.tree", ""));
      if (found != request_.sizes->end()) size = &found->second;
    }
    resource.footprint = footprint_of(change.ref, provider, spec, size);
    std::optional<Timestamp> created_at;
    const auto row = rows_.find(change.uid);
    if (row != rows_.end() && request_.world->is_observed) created_at = row->second->created_at;
    const auto measured = measured_.find(change.uid);
    const Basis basis =
        assume_usage(resource, created_at, measured == measured_.end() ? nullptr : &measured->second,
                     month_);
    if (!is_after) return resource;
    has_measured_ = has_measured_ || basis == Basis::Measured;
    has_new_ = has_new_ || basis == Basis::AlwaysOn;
    if (basis == Basis::Measured) measured_seconds_ += resource.usage.active_seconds.value_or(0);
    return resource;
  }

  void set_total(plans::SetPrice price) {
    ChangesetPrice total;
    total.rule = request_.plan->rule->name;
    total.before = std::move(price.before.total);
    total.after = std::move(price.after.total);
    total.delta = std::move(price.delta);
    total.shared = std::move(price.shared);
    total.lines = std::move(price.after.lines);
    total.notices = std::move(price.after.notices);
    total.basis = plans::basis_words(measured_seconds_, has_measured_, has_new_, month_);
    total.unpriced = unmeasured(*request_.plan);
    changeset_.price = std::move(total);
  }

  Changeset& changeset_;
  const PricingRequest& request_;
  plans::Pricer& pricer_;
  plans::Month month_;
  std::map<std::string, plans::Usage> measured_;
  std::map<std::string, const ResourceRow*> rows_;
  bool has_measured_ = false;
  bool has_new_ = false;
  std::int64_t measured_seconds_ = 0;
};

}  // namespace

void add_prices(Changeset& changeset, const PricingRequest& request, plans::Pricer& pricer) {
  if (request.plan == nullptr || !request.plan->has_price()) return;
  ChangesetPricer(changeset, request, pricer).run();
}

}  // namespace croft
