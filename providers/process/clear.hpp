#pragma once

#include <filesystem>

#include "core/base/result.hpp"

namespace croft {

/// Ends every app of a process provider and takes away what they have on this machine: processes,
/// cgroups, network, packet filter. `data` is the provider's directory; volumes and logs in it
/// stay, and a provider that is asked to create the same apps again takes them up. Blocks, for as
/// long as apps take to stop. Gives how many apps there were. No Croft may use the directory.
Result<int> clear_process_provider(const std::filesystem::path& data);

}  // namespace croft
