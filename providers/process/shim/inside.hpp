#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "providers/process/shim/app.hpp"
#include "providers/process/shim/descriptor.hpp"
#include "providers/process/shim/launch.hpp"

namespace croft::shim {

/// Starts a command beside the app, in all of its namespaces and cgroups, with nothing to read and
/// nobody to read it; the child ends with the command's status. -1 if it cannot.
pid_t spawn_inside(const Launch& launch, const App& app, const std::vector<std::string>& command);

/// A command beside the app with its streams in somebody's hands.
struct SessionRequest {
  std::vector<std::string> command;
  std::vector<std::string> environment;  ///< "NAME=value", beside the app's own
  std::string directory;                 ///< empty: the app's
  bool has_terminal = false;
  unsigned short rows = 24;
  unsigned short columns = 80;
};

struct SpawnedSession {
  pid_t pid = -1;
  /// Ends of pipes to its standard input, output and error. With a terminal empty: the terminal's
  /// other side comes through `setup`, see receive_terminal().
  std::vector<Descriptor> streams;
  Descriptor setup;
  std::string problem;  ///< not empty: nothing was started
};

/// The child is in a session of its own and ends with the command's status.
SpawnedSession spawn_session(const Launch& launch, const App& app, const SessionRequest& request);

/// Reads what a session with a terminal says when it is set up: the terminal's other side, or in
/// `problem` why there is none.
Descriptor receive_terminal(int setup, std::string& problem);

/// The first process of the command that a child of ours watches over, or -1.
pid_t leader_of(pid_t child);
/// Sends a signal to a command and to everything that it started and that did not leave its
/// session; false if there is none left.
bool signal_session(const Launch& launch, pid_t leader, int signal);

}  // namespace croft::shim
