#pragma once

#include <string>

#include "providers/docker/core.hpp"

namespace croft::docker {

/// Ends a command that nobody waits for any more, unless has_ended() was said before: its session's
/// processes get SIGHUP, and SIGKILL a second later. Engines end no command themselves, so this is
/// done on a local engine only. To be destroyed on the executor, where the rest goes on.
class ExecEnd {
 public:
  ExecEnd(CorePtr core, std::string container, std::string exec)
      : core_(std::move(core)), container_(std::move(container)), exec_(std::move(exec)) {}
  ExecEnd(const ExecEnd&) = delete;
  ExecEnd& operator=(const ExecEnd&) = delete;
  ~ExecEnd();

  void has_ended() { has_ended_ = true; }

 private:
  CorePtr core_;
  std::string container_;
  std::string exec_;
  bool has_ended_ = false;
};

}  // namespace croft::docker
