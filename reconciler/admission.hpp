#pragma once

#include <map>
#include <string>
#include <vector>

#include "plans/admission/quotas.hpp"
#include "plans/admission/walls.hpp"
#include "reconciler/footprints.hpp"
#include "reconciler/terms.hpp"
#include "reconciler/world.hpp"

namespace croft {

/// Whether a tenant may have what it asks for.
struct AdmissionRequest {
  const plans::PlanTerms* plan = nullptr;  ///< null: no plan, all is allowed
  const PlatformTerms* platform = nullptr;
  const World* world = nullptr;  ///< its desired set, and the inventory that counts as granted
  /// What was accepted before, which counts as granted, too; may be null.
  const std::map<Ref, Desired>* accepted = nullptr;
  const FilesSizes* sizes = nullptr;
  /// What its containers may do beyond the walls around them; null: all (solo mode, offline without
  /// a platform).
  const plans::Loosening* loosening = nullptr;
};

struct Admission {
  /// Any: the revision is refused as a whole. By resource.
  std::vector<Problem> refusals;
  std::vector<std::string> warnings;  ///< of the policy, for people
  std::vector<plans::QuotaUse> quotas;
  std::vector<plans::ThresholdReached> reached;  ///< by what is new in it
};

/// Starting again what was stopped by hand: whether the plan allows that much at a time, of what
/// `world` declares, or of its inventory if nothing is known to be declared. Denied with what the
/// plan allows and which one would.
Result<void> admit_start(const plans::PlanTerms& plan, const PlatformTerms& platform,
                         const World& world, const Ref& ref);

/// Quotas of the plan, then for each resource that is new or changed the walls around containers
/// and the operator's policy. Pure.
Admission admit(const AdmissionRequest& request);

}  // namespace croft
