#pragma once

#include "providers/docker/core.hpp"

namespace croft::docker {

/// Listens to the engine as long as the provider lives: what happens to our things is told at once.
/// Whenever the connection is made (anew), everything is looked at again, and the walls are set:
/// the engine may have been restarted, or the machine.
Task<> listen(CorePtr core);

/// Now and then: measures volumes, sets the walls again should somebody have flushed them, looks
/// whether tags moved, and removes files that nothing uses.
Task<> keep_up(CorePtr core);

}  // namespace croft::docker
