#pragma once

#include "providers/docker/engine/engine_types.hpp"

namespace croft::docker {

struct ExecCommand {
  std::string container;
  std::vector<std::string> command;
  std::vector<std::string> env;  ///< "NAME=value"
  std::string working_dir;
  std::string user;
  bool terminal = false;
  bool input = true;
};

/// Calls about commands inside of running containers.
class Execs {
 public:
  explicit Execs(std::shared_ptr<Transport> transport) : transport_(std::move(transport)) {}

  /// Gives the exec's id. NotFound: no such container. Conflict: it does not run.
  Task<Result<std::string>> create(ExecCommand command, Deadline deadline = kNoDeadline) const;
  /// Starts it, once. `terminal` as at its creation. A program that cannot be started is an error
  /// here (Invalid) or exit status 126 or 127, as the engine has it.
  Task<Result<std::unique_ptr<AttachedStream>>> start(std::string exec, bool terminal,
                                                      Deadline deadline = kNoDeadline) const;
  /// Of one that has been started and has a terminal.
  Task<Result<void>> resize(std::string exec, int rows, int columns,
                            Deadline deadline = kNoDeadline) const;
  /// {"Running": false, "ExitCode": 0, "Pid": ...}
  Task<Result<Value>> inspect(std::string exec, Deadline deadline = kNoDeadline) const;

 private:
  std::shared_ptr<Transport> transport_;
};

}  // namespace croft::docker
