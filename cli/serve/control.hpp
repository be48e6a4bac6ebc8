#pragma once

#include "core/base/settings.hpp"

namespace croft {

/// The control role: the store, the engine, the API. Runs until SIGTERM or SIGINT and gives the
/// exit status; 78 means that another try with the same settings would fail as well.
int run_control(const Settings& settings);

/// The edge role: tenants' traffic, served from the snapshot that control writes.
int run_edge_role(const Settings& settings);

/// The hooks role: what forges tell of pushes, passed on to control as keys of sources.
int run_hooks_role(const Settings& settings);

}  // namespace croft
