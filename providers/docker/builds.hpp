#pragma once

#include "providers/docker/container_plan.hpp"
#include "providers/docker/core.hpp"

namespace croft::docker {

/// The image that a workload's `build` makes of its repository, built if it is not there. Steps
/// have the walls that the provider's settings say. Tells its output as news.
Task<Result<ImageFacts>> ensure_built(CorePtr core, EffectPtr effect, Value workload, Limit limit);

/// Removes builds that a resource does not use any more; all of them if `used` is empty. What
/// cannot be removed stays.
Task<> remove_builds(CorePtr core, std::string uid, std::string used);

}  // namespace croft::docker
