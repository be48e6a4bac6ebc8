#pragma once

#include <span>

#include "reconciler/changeset.hpp"
#include "reconciler/world.hpp"

namespace croft {

/// Everything that is known of one resource.
struct Subject {
  Ref ref;
  const Desired* desired = nullptr;                 // null: not declared
  const ResourceRow* row = nullptr;                 // null: never accepted
  const Observed* observed = nullptr;               // null: not there
  const Observed* stranger = nullptr;               // of the same ref, with a uid that nobody knows
  std::span<const DirectiveRow* const> directives;  // of this ref, in force
};

/// Pure: what becomes of one resource; see the rules of diff() in world.hpp.
Change decide(const World& world, const Subject& subject);

}  // namespace croft
