#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace croft::cli {

/// Writes a folder NAME into `directory`: a script, its tests, a README, and stubs with a
/// .luarc.json that points editors at them. `kind` is "provider", "pricing", "policy" or "health".
/// Gives the files, relative to the folder, in order. Invalid for a name that no adapter can have,
/// Conflict if anything of that name is there: nothing is ever overwritten.
Result<std::vector<std::string>> write_scaffold(const std::filesystem::path& directory,
                                                std::string_view kind, const std::string& name);

}  // namespace croft::cli
