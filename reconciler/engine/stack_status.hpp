#pragma once

#include <vector>

#include "reconciler/engine.hpp"

namespace croft {

/// What is said of each Stack whose parts are among `statuses`: it is ready once all its Services
/// are, and its message counts them. Sorted by ref. Pure.
std::vector<ResourceStatus> stack_statuses(const std::vector<ResourceStatus>& statuses);

}  // namespace croft
