#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "providers/process/shim/inside.hpp"
#include "providers/process/shim/loop.hpp"

namespace croft::shim {

/// Commands that run beside the app for somebody at the other end of a connection.
class Sessions {
 public:
  /// Its streams: pipes to input, output and error, or a terminal's other side. Or why there are
  /// none.
  using Opened = std::function<void(std::vector<Descriptor> streams, const std::string& problem)>;
  using Ended = std::function<void(int status)>;

  Sessions(Loop& loop, const Launch& launch) : loop_(loop), launch_(launch) {}

  /// Calls `opened` once, at once or later, and `ended` after it if there were streams. Gives a
  /// number for hang_up().
  int open(const App& app, const SessionRequest& request, Opened opened, Ended ended);
  /// Nobody is interested any more: the command and what it started are told to hang up, and killed
  /// if they do not. Neither function is called after this.
  void hang_up(int id);
  /// True if that child of ours was one of these.
  bool reap(pid_t pid, int status);

 private:
  struct Session {
    int id = 0;
    pid_t leader = -1;
    bool is_hung_up = false;
    Descriptor setup;
    Opened opened;
    Ended ended;
  };
  void take_terminal(pid_t pid);
  void tell_opened(pid_t pid, std::vector<Descriptor> streams, const std::string& problem);
  void kill_later(pid_t child, pid_t leader);

  Loop& loop_;
  const Launch& launch_;
  std::map<pid_t, Session> sessions_;  ///< by our child
  int last_id_ = 0;
};

}  // namespace croft::shim
