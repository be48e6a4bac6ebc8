#pragma once

#include <memory>
#include <vector>

#include "providers/docker/container_plan.hpp"
#include "providers/docker/core.hpp"

namespace croft::docker {

// Files of the repository, configs and secrets: on a local engine they are bound read-only from
// DATA/files/TREE (directories) and DATA/blobs/... (single files), which nobody inside can write,
// and secrets from a directory in memory (memory_directory());
// to a remote one they are sent before the container starts.

/// What keeps checked-out trees from being swept while an effect needs them.
using FilePins = std::vector<std::unique_ptr<Checkouts::Pin>>;

/// The workload's files, put on disk if the engine is local. Blocks for disk on the pool.
Task<Result<std::vector<PlannedFile>>> place_files(CorePtr core, EffectPtr effect, Value workload,
                                                   std::shared_ptr<FilePins> pins);

/// Puts those back that are secrets: they lie in memory, and a machine forgets them when it starts
/// anew. Blocks on the pool.
Task<Result<void>> place_secret_files(CorePtr core, EffectPtr effect, Value workload);

/// Sends files into a container that was made and not started.
Task<Result<void>> write_files(CorePtr core, EffectPtr effect, std::vector<PlannedFile> files,
                               std::string container, Limit limit);

/// Removes from the disk what no container has mounted. Blocks.
void sweep_files(Core& core, const std::set<std::string>& mounted);

}  // namespace croft::docker
