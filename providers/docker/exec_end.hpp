#pragma once

#include <string>

#include "providers/docker/core.hpp"

namespace croft::docker {

/// Marks a command in its environment, where it could not be found otherwise; gives the mark, or
/// nothing on a local engine.
std::string mark_command(const Core& core, ExecCommand& command);

/// Ends a command that nobody waits for any more, unless has_ended() was said before. Engines end
/// no command themselves. On a local engine its session's processes get SIGHUP, and SIGKILL a
/// second later; on another one a shell inside the container does that, finding the session by the
/// mark, if there is a shell, `tr` and `grep`. To be destroyed on the executor, where the rest goes
/// on.
class ExecEnd {
 public:
  ExecEnd(CorePtr core, std::string container, std::string exec, std::string mark)
      : core_(std::move(core)),
        container_(std::move(container)),
        exec_(std::move(exec)),
        mark_(std::move(mark)) {}
  ExecEnd(const ExecEnd&) = delete;
  ExecEnd& operator=(const ExecEnd&) = delete;
  ~ExecEnd();

  void has_ended() { has_ended_ = true; }

 private:
  CorePtr core_;
  std::string container_;
  std::string exec_;
  std::string mark_;
  bool has_ended_ = false;
};

}  // namespace croft::docker
