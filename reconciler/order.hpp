#pragma once

#include <vector>

#include "reconciler/changeset.hpp"

namespace croft {

/// Puts changes into the order in which they are applied: what others depend on first (create,
/// update, replace, start, adopt), then stops and after them destroys, dependents first, then Keep.
/// Among equals by ref, so that the result does not depend on the order of the input. Dependencies
/// that are not among the changes do not matter; those that go through a Keep do. A cycle, which
/// validation refuses, is broken at its smallest ref.
void order_changes(std::vector<Change>& changes);

}  // namespace croft
