#pragma once

#include "providers/docker/core.hpp"

namespace croft::docker {

// Volumes as tar streams, through a container that has the volume and is never started: the engine
// packs and unpacks in there, on whichever machine it is.

Task<Result<void>> export_archive(CorePtr core, std::string uid, std::string volume, ByteSink sink);
Task<Result<void>> import_archive(CorePtr core, std::string uid, std::string volume,
                                  ByteSource source);

/// Containers of archives that were cut short.
Task<> remove_leftovers(CorePtr core);

}  // namespace croft::docker
