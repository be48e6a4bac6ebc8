#pragma once

#include <functional>

#include "tests/reconciler/engine/daemon.hpp"

namespace croft {

/// Runs `life` in a process of its own. It gets a function to be called where kill -9 is to fall:
/// that ends the process at that very point, with whatever its threads were doing. The data
/// directory is as the dead process left it; the world is taken over into the bed's. True if it was
/// killed, false if `life` returned before.
///
/// Call it while no daemon of this process lives: a fork takes only the calling thread along.
bool live_until_killed(TestBed& bed,
                       const std::function<void(const std::function<void()>& die)>& life);

}  // namespace croft
