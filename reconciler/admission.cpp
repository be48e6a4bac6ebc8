#include "reconciler/admission.hpp"

#include <set>

#include <fmt/format.h>

namespace croft {

namespace {

using plans::Footprint;

/// Those that were stopped by hand.
std::set<Ref> stopped_in(const World& world) {
  std::set<Ref> refs;
  for (const DirectiveRow& directive : world.directives) {
    const bool is_in_force = !directive.until || *directive.until > world.now;
    if (directive.verb == DirectiveVerb::Stop && is_in_force) refs.insert(directive.ref);
  }
  return refs;
}

bool is_stopped(const std::set<Ref>& stopped, const Ref& ref) {
  const auto stack = stack_of(ref);
  return stopped.contains(ref) || (stack && stopped.contains(*stack));
}

std::vector<Footprint> footprints_of(const World& world, const std::map<Ref, Desired>& desired,
                                     const std::set<Ref>& stopped, const FilesSizes* sizes) {
  std::vector<Footprint> set;
  set.reserve(desired.size());
  for (const auto& [ref, one] : desired) {
    if (!one.spec) continue;
    set.push_back(footprint_in(world, sizes, ref, one.provider, *one.spec));
    set.back().runs = !is_stopped(stopped, ref);
  }
  return set;
}

std::vector<Footprint> footprints_of_inventory(const World& world, const std::set<Ref>& stopped,
                                               const FilesSizes* sizes) {
  std::vector<Footprint> set;
  for (const ResourceRow& row : world.inventory) {
    if (row.state != InventoryState::Owned || !row.applied) continue;
    set.push_back(footprint_in(world, sizes, row.ref, row.provider, *row.applied));
    set.back().runs = !is_stopped(stopped, row.ref);
  }
  return set;
}

std::vector<const plans::PlanTerms*> other_plans(const PlatformTerms& platform,
                                                 const std::string& name) {
  std::vector<const plans::PlanTerms*> others;
  for (const auto& [other, plan] : platform.plans) {
    if (other != name) others.push_back(plan.get());
  }
  return others;
}

class Admitter {
 public:
  explicit Admitter(const AdmissionRequest& request) : request_(request) {}

  Admission run() {
    if (request_.plan != nullptr) ask_quotas();
    for (const ResourceRow& row : request_.world->inventory) {
      if (row.state == InventoryState::Owned) owned_.emplace(row.ref, &row);
    }
    if (request_.loosening != nullptr) ask_walls();
    if (request_.platform != nullptr && request_.platform->policy) ask_policy();
    return std::move(out_);
  }

 private:
  void ask_quotas() {
    const World& world = *request_.world;
    const std::set<Ref> stopped = stopped_in(world);
    std::vector<const plans::PlanTerms*> others;
    if (request_.platform != nullptr) others = other_plans(*request_.platform, request_.plan->name);
    std::vector<std::vector<Footprint>> before{
        footprints_of_inventory(world, stopped, request_.sizes)};
    if (request_.accepted != nullptr)
      before.push_back(footprints_of(world, *request_.accepted, stopped, request_.sizes));
    plans::QuotaVerdict verdict =
        check_quotas(*request_.plan, before,
                     footprints_of(world, world.desired, stopped, request_.sizes), others);
    out_.refusals = std::move(verdict.refusals);
    out_.quotas = std::move(verdict.uses);
    out_.reached = std::move(verdict.reached);
  }

  void ask_walls() {
    const World& world = *request_.world;
    const std::string who =
        world.plan.empty() ? "the operator" : fmt::format("plan '{}'", world.plan);
    for (const auto& [ref, desired] : world.desired) {
      if (!desired.spec || is_granted(ref, desired)) continue;
      for (Problem& problem : check_walls(*request_.loosening, who, ref, *desired.spec))
        out_.refusals.push_back(std::move(problem));
    }
  }

  void ask_policy() {
    for (const auto& [ref, desired] : request_.world->desired) {
      if (!desired.spec || is_granted(ref, desired)) continue;
      const Result<plans::PolicyVerdict> verdict =
          request_.platform->policy->judge({.tenant = request_.world->tenant,
                                            .plan = request_.world->plan,
                                            .ref = ref,
                                            .provider = desired.provider,
                                            .spec = desired.spec});
      note(ref, verdict);
    }
  }

  /// What stands as it was is not judged again.
  bool is_granted(const Ref& ref, const Desired& desired) const {
    const auto is_same = [&](const std::string& provider, const Value* spec) {
      return provider == desired.provider && spec != nullptr &&
             (spec == desired.spec.get() || *spec == *desired.spec);
    };
    if (request_.accepted != nullptr) {
      const auto accepted = request_.accepted->find(ref);
      if (accepted != request_.accepted->end() &&
          is_same(accepted->second.provider, accepted->second.spec.get()))
        return true;
    }
    const auto owned = owned_.find(ref);
    return owned != owned_.end() && is_same(owned->second->provider, owned->second->applied.get());
  }

  void note(const Ref& ref, const Result<plans::PolicyVerdict>& verdict) {
    using Word = plans::PolicyVerdict::Word;
    if (!verdict) {
      out_.refusals.push_back({ref, "spec",
                               "the operator's policy failed: " + verdict.error().describe(),
                               "tell the operator"});
    } else if (verdict->word == Word::Deny) {
      out_.refusals.push_back({ref, "spec", "the operator's policy: " + verdict->reason, ""});
    } else if (verdict->word == Word::Warn) {
      out_.warnings.push_back(
          fmt::format("{}: the operator's policy: {}", local_name(ref), verdict->reason));
    }
  }

  const AdmissionRequest& request_;
  std::map<Ref, const ResourceRow*> owned_;
  Admission out_;
};

}  // namespace

Result<void> admit_start(const plans::PlanTerms& plan, const PlatformTerms& platform,
                         const World& world, const Ref& ref) {
  std::set<Ref> stopped = stopped_in(world);
  const auto all = [&] {
    return world.desired.empty() ? footprints_of_inventory(world, stopped, nullptr)
                                 : footprints_of(world, world.desired, stopped, nullptr);
  };
  const std::vector<Footprint> before = all();
  std::erase_if(stopped, [&](const Ref& other) { return concerns(ref, other); });
  const std::vector<Footprint> after = all();
  const plans::QuotaVerdict verdict =
      check_quotas(plan, {before}, after, other_plans(platform, plan.name));
  if (verdict.refusals.empty()) return {};
  const Problem& refusal = verdict.refusals.front();
  return fail(Error(ErrorCode::Denied, refusal.message)
                  .with_hint("stop another one first; " + refusal.hint));
}

Admission admit(const AdmissionRequest& request) { return Admitter(request).run(); }

}  // namespace croft
