#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "providers/process/shim/descriptor.hpp"
#include "providers/process/shim/launch.hpp"

namespace croft::shim {

/// The app's first process, as the shim sees it.
struct App {
  pid_t pid =
      -1;  ///< our child: bubblewrap's watching process, or the command itself without a sandbox
  pid_t init = -1;    ///< process 1 of its pid namespace, seen from here; -1 without a sandbox
  Descriptor output;  ///< what it writes to standard output and error
};

struct Spawned {
  App app;
  std::string problem;  ///< not empty: nothing runs
};

/// Starts the app: joins cgroups, builds the stage, drops the user, and only then lets bubblewrap
/// make namespaces.
Spawned spawn_app(const Launch& launch);

/// True once the sandbox is complete and the command in it. Before, its namespaces still show the
/// host's files.
bool is_ready(const Launch& launch, const App& app);

/// Sends a signal to every process of the app except those of bubblewrap; false if it is not ready
/// for any.
bool signal_app(const Launch& launch, const App& app, int signal);
/// Ends every process of the app that there is now; one that forks meanwhile needs another call.
/// Children of the shim remain to be reaped.
void kill_app(const Launch& launch, const App& app);
bool has_processes(const Launch& launch);
/// Every process of the app, commands beside it too. By cgroup where there is one: nothing leaves
/// it. Else by descent; the shim is the reaper of orphans, so none is lost.
std::vector<pid_t> processes_of(const Launch& launch);
std::vector<pid_t> children_of(pid_t pid);

/// The count of kills by the kernel for want of memory so far; 0 if it cannot be read.
long long read_oom_kills(const Launch& launch);

}  // namespace croft::shim
