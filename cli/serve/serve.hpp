#pragma once

#include "core/base/settings.hpp"

namespace croft {

/// Runs `croft serve` (the role that the settings name) until SIGINT or SIGTERM. Gives the exit
/// status; problems are said on standard error.
int run_serve(const Settings& settings);

}  // namespace croft
