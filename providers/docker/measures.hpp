#pragma once

#include <vector>

#include "providers/docker/core.hpp"

namespace croft::docker {

/// What every container of ours that runs uses now. Of an engine of this machine the kernel is
/// asked, by the cgroup of the container's process; of others, and where that is not to be seen,
/// the engine, a few containers at a time. What cannot be measured is left out; fails only if the
/// engine does not even list what there is.
Task<Result<std::vector<Use>>> use_of_all(CorePtr core);

}  // namespace croft::docker
