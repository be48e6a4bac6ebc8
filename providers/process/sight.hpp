#pragma once

#include <vector>

#include "providers/process/launcher.hpp"

namespace croft {

/// Every app that there is, in one pass over their files; changes nothing. Blocks: about 50
/// microseconds an app.
Result<std::vector<Observed>> observe_apps(const Launcher& launcher);

/// Pure: what the sight of one app means.
Observed describe_sight(const AppSight& sight, const ProcessLayout& layout);

}  // namespace croft
