#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/base/value.hpp"
#include "core/manifest/problem.hpp"
#include "core/resource/ref.hpp"

namespace croft::plans {

/// What a tenant's containers may do beyond the walls around them (core/resource/walls.hpp).
struct Loosening {
  std::set<std::string> allow;         ///< words of `containers.allow`
  std::set<std::string> capabilities;  ///< "NET_RAW"

  bool operator==(const Loosening&) const = default;
};

/// What the `containers` of a Plan and of a Tenant allow together; either may be null.
Loosening loosening_of(const Value* plan_spec, const Value* tenant_spec);

/// What a resource asks for and may not have, each at its field. `who` stands in the words: "plan
/// 'studio'". Nothing for kinds that run no containers. Pure.
std::vector<Problem> check_walls(const Loosening& allowed, const std::string& who, const Ref& ref,
                                 const Value& spec);

}  // namespace croft::plans
