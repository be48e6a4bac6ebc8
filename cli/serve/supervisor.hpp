#pragma once

#include <string>
#include <vector>

#include "core/base/settings.hpp"

namespace croft {

/// Runs the roles as processes of their own (`edge` first, then `control`) and starts one anew when
/// it dies. SIGTERM and SIGINT end them: control first, then the edge once its requests are served.
/// SIGHUP upgrades: the program file is executed again in this process, the new control takes over,
/// and a new edge replaces the old one without a gap. A supervisor that died is replaced in the
/// same way. Pids stand in DATA/run/{serve,edge,control}.pid. Gives the exit status.
int run_supervisor(const Settings& settings, const std::vector<std::string>& arguments);

}  // namespace croft
