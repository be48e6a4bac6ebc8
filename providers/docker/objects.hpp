#pragma once

#include "providers/docker/container_plan.hpp"
#include "providers/docker/core.hpp"

namespace croft::docker {

// Lists of what is ours at the engine, and the networks and volumes themselves.

Task<Result<std::vector<ContainerSummary>>> list_containers(CorePtr core, std::string uid,
                                                            Limit limit);
Task<Result<std::vector<ObjectSummary>>> list_networks(CorePtr core, std::string uid, Limit limit);
Task<Result<std::vector<ObjectSummary>>> list_volumes(CorePtr core, std::string uid, Limit limit);

/// Makes the network, unless it is there. Conflict if somebody else's has its name. `part` as in
/// the label croft.part.
Task<Result<void>> ensure_network(CorePtr core, EffectPtr effect, std::string name,
                                  std::string part, bool is_internal, Limit limit);
/// Removes it if it is ours; success if it is not there.
Task<Result<void>> remove_network(CorePtr core, std::string name, Limit limit);

Task<Result<void>> ensure_volume(CorePtr core, EffectPtr effect, std::string name, std::string part,
                                 Limit limit);
Task<Result<void>> remove_volume(CorePtr core, std::string name, Limit limit);

/// Puts walls around a bridge, before it is made.
Task<Result<void>> add_to_walls(CorePtr core, std::string bridge, bool is_closed, Limit limit);
/// Makes the walls fit what is there. With `anew` they are set in any case.
Task<Result<void>> refresh_walls(CorePtr core, bool anew, Limit limit);

}  // namespace croft::docker
