#pragma once

#include "providers/docker/core.hpp"

namespace croft::docker {

// What the verbs do with Instances and Services, whose thing is a container. Labels of a container
// cannot change, so what changes it in place (limits, restart policy, whether it should run) is in
// the uid's Record over them; everything else makes a new container, whose labels say it. Losing
// the records loses nothing: what is in place is done again.
//
// Each effect first looks for what an interrupted one left: a container of its own intent is
// finished, and once one stands for the resource, all others of the uid go.

enum class Absent { Make, Refuse };

/// Makes the resource run with the effect's spec. A new container runs beside the old one until it
/// is well, where nothing keeps two from running (why_not_beside); else the old one stops first.
Task<Result<void>> apply_container(CorePtr core, EffectPtr effect, Absent absent, Limit limit);
Task<Result<void>> start_container(CorePtr core, EffectPtr effect, Limit limit);
/// Stops it, within its grace or what is left of the time.
Task<Result<void>> stop_container(CorePtr core, EffectPtr effect, Limit limit);
/// Removes its containers and networks; its own volumes only with Erase.
Task<Result<void>> destroy_container(CorePtr core, EffectPtr effect, DataPolicy data, Limit limit);

/// The container that stands for the resource. NotFound if there is none.
Task<Result<ContainerSummary>> current_container(CorePtr core, std::string uid, Limit limit);

/// Asks again only if something may have changed since.
Task<Result<std::shared_ptr<const ContainerDetails>>> details_of(CorePtr core,
                                                                 ContainerSummary summary,
                                                                 Limit limit);

}  // namespace croft::docker
