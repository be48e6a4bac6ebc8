#pragma once

#include <filesystem>

#include "core/base/result.hpp"

namespace croft {

/// Ends every app that a data directory's local providers run, and takes what they have on this
/// machine away; their data stays. Gives how many there were. Conflict while a Croft uses the
/// directory, NotFound if it is none of Croft's.
Result<int> end_all_apps(const std::filesystem::path& data);

}  // namespace croft
