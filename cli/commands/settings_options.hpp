#pragma once

#include <string_view>
#include <vector>

#include "cli/command/command.hpp"
#include "core/base/settings.hpp"

namespace croft::cli {

/// --config FILE.
Parameter settings_file_parameter();
/// The flag of that setting ("store.url"), which must be one.
Parameter setting_parameter(std::string_view name);

/// The settings as `croft serve` reads them: file, environment, and the flags of the settings named
/// here, all of which the command takes.
Result<Settings> settings_with_flags(const Invocation& invocation,
                                     const std::vector<std::string_view>& flags);

}  // namespace croft::cli
