#pragma once

#include "providers/docker/container_plan.hpp"
#include "providers/docker/core.hpp"

namespace croft::docker {

/// The image that a container is to be made from: pulled, or built, if it is not there. `kept` is
/// what it ran with until now (NAME@DIGEST or an id), which stays where the spec names the same tag
/// and does not follow it; empty if nothing is to be kept. Tells of its progress as news.
Task<Result<ImageFacts>> ensure_image(CorePtr core, EffectPtr effect, Value workload,
                                      std::string kept, Limit limit);

/// Builds that a resource does not use any more; all of them if `used` is empty. What cannot be
/// removed stays.
Task<> remove_builds(CorePtr core, std::string uid, std::string used);

/// Looks at what tags mean now, for containers that run: of `imagePolicy: follow` a moved tag
/// becomes a difference, of others an event.
Task<> check_moved_images(CorePtr core);

}  // namespace croft::docker
