#pragma once

#include "providers/docker/container_plan.hpp"
#include "providers/docker/files.hpp"
#include "providers/docker/present.hpp"

namespace croft::docker {

// From a spec to a container that runs. Each step can have been done before.

/// One container that is about to be made.
struct Making {
  EffectPtr effect;
  Value workload;
  ContainerPlan plan;
  std::shared_ptr<FilePins> pins = std::make_shared<FilePins>();
};
using MakingPtr = std::shared_ptr<Making>;

/// Brings its image and its files, and plans it. `kept_image`: the digest that it runs on with, or
/// empty.
Task<Result<MakingPtr>> plan_making(CorePtr core, EffectPtr effect, Value workload,
                                    std::string kept_image, Limit limit);
/// The container that stands now for the service which "service:NAME" names, by id; empty for any
/// other mode. Conflict if it does not run.
Task<Result<std::string>> joined_container(CorePtr core, EffectPtr effect, std::string mode,
                                           Limit limit);
/// Makes the container and does not start it; gives its id.
Task<Result<std::string>> make(CorePtr core, MakingPtr making, Limit limit);
Task<Result<void>> start_by_id(CorePtr core, std::string id, Limit limit);
/// The steps from made to started. `connected`: networks that it is in already; `written`: files
/// that are sent into it.
Task<Result<void>> finish(CorePtr core, EffectPtr effect, Value workload, std::string id,
                          std::set<std::string> connected, std::vector<PlannedFile> written,
                          Limit limit);

}  // namespace croft::docker
