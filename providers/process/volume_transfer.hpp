#pragma once

#include <memory>
#include <string>

#include "core/base/async.hpp"
#include "core/base/byte_stream.hpp"
#include "providers/process/launcher.hpp"

namespace croft {

/// The content of a volume as an archive, or an archive into a volume. Files belong to the app's
/// user on disk, and to kInnerUid in archives. Steps that block run on the pool, one piece at a
/// time, so that whoever is slow holds none of its threads. The launcher and the pool outlive the
/// call; `turn` orders it among the app's other effects.
Task<Result<void>> export_volume(const Launcher& launcher, BlockingPool& pool,
                                 std::shared_ptr<Semaphore> turn, std::string uid,
                                 std::string volume, ByteSink sink);
/// Conflict if the app runs; it cannot be started until this has ended.
Task<Result<void>> import_volume(const Launcher& launcher, BlockingPool& pool,
                                 std::shared_ptr<Semaphore> turn, std::string uid,
                                 std::string volume, ByteSource source);

}  // namespace croft
