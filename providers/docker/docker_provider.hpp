#pragma once
// Room providers/docker: Instances and what Stacks expand to, as containers of a Docker Engine
// (API 1.41 and up) or of Podman, which speaks the same API.
//
// - docker_provider: the Provider; core: what its parts share; clear ends everything
// - settings, names: what the operator decides; what things are called and labelled
// - spec, container_plan: from a spec to what the engine is asked for: pure, with the walls in it
// - observation, record: from what the engine says to what Croft says; what labels cannot hold
// - containers: the verbs, idempotent by intent; objects: networks and volumes
// - images, image_name, dockerfile, tree_with_file: names, pulls, builds, and what none may name
// - files, archives, archive_guard: the repository's files inside; volumes as streams
// - firewall, walls: where packets of containers may go
// - events, logs, exec_session
// - engine/: the Engine's API
//
// docs/docker.md says what this promises.

#include <memory>

#include "core/base/async.hpp"
#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "providers/docker/settings.hpp"
#include "providers/port/provider.hpp"

namespace croft::docker {

/// Makes the provider. Connects to the engine on its own and again whenever that goes away; until
/// it answers, the verbs fail with Unavailable. Blocks for some 20 ms, to see whether a packet
/// filter can be set. The pool and the clock must outlive it, and the executor's context must not
/// run after it is gone unless it still is running. Containers go on when it is destroyed. Invalid
/// for settings that cannot be.
Result<std::unique_ptr<Provider>> make_provider(ProviderSettings settings,
                                                asio::any_io_executor executor, BlockingPool& pool,
                                                Clock& clock);

/// Removes every container and network that a provider made, and its packet filter; volumes stay.
/// Gives how many there were. For when no Croft uses the provider. Blocks.
Result<int> clear(ProviderSettings settings);

}  // namespace croft::docker
