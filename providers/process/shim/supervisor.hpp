#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "providers/process/shim/app.hpp"
#include "providers/process/shim/launch.hpp"
#include "providers/process/shim/log_file.hpp"
#include "providers/process/shim/loop.hpp"
#include "providers/process/shim/sessions.hpp"

namespace croft::shim {

/// What a shim tells of its app. `phase` is a name of core/resource's Phase.
struct State {
  std::string phase = "Created";
  std::string reason;        ///< Exited, CrashLoop, OutOfMemory, CannotStart
  std::string message;       ///< for people
  int restarts = 0;          ///< since the shim began
  std::int64_t started = 0;  ///< wall clock in milliseconds of the present run; 0 if nothing runs
  int exit = -1;             ///< status of the last run that ended: 0-255, or 128 + signal
  std::int64_t next = 0;     ///< wall clock in milliseconds of the next try, while waiting for one
};

/// Keeps one app running: starts it, tries again with growing pauses when it ends, stops it
/// gracefully. Answers are given by calling back, at once or later.
class Supervisor {
 public:
  using Answer = std::function<void(const std::string& problem)>;  ///< empty: done

  Supervisor(Loop& loop, Launch launch, std::string state_file);

  /// Takes a value that the launch file only names: for the environment or a file of each start to
  /// come. Gives what is wrong, or nothing.
  std::string take_secret(const std::string& name, const std::string& value);
  void start(const Answer& answer);
  void stop(std::int64_t grace, const Answer& answer);
  void restart(std::int64_t grace, const Answer& answer);
  void execute(const std::vector<std::string>& command, std::int64_t timeout,
               const std::function<void(int status)>& answer);
  /// A command with its streams in the caller's hands; the number is for hang_up().
  int open_session(const SessionRequest& request, Sessions::Opened opened, Sessions::Ended ended);
  void hang_up(int session) { sessions_.hang_up(session); }
  /// Call on SIGCHLD.
  void reap();

  bool is_idle() const { return app_.pid < 0 && retry_timer_ == 0 && !is_stopping_; }
  bool has_app() const { return app_.pid > 0; }
  /// Commands beside the app have to wait a little.
  bool is_starting() const;
  const Launch& launch() const { return launch_; }
  /// The state as fields of a line of that verb.
  Line state_line(std::string_view verb) const;
  void on_change(std::function<void()> listener) { listener_ = std::move(listener); }

 private:
  void try_start();
  std::string missing_secret() const;
  void app_ended(int status);
  void plan_retry(const std::string& reason, const std::string& what);
  void check_stopped();
  void ask_to_end();
  void kill_until_gone();
  void read_output();
  void changed();
  void drop_timer(int& timer);

  Loop& loop_;
  Launch launch_;
  std::string state_file_;
  State state_;
  App app_;
  LogFile log_;
  std::function<void()> listener_;
  std::vector<Answer> stop_answers_;
  std::set<std::string> secrets_;  ///< names of those that were told
  std::map<pid_t, std::function<void(int)>> commands_;
  Sessions sessions_;
  std::int64_t run_began_ = 0;  ///< steady
  long long oom_kills_ = 0;
  int failures_ = 0;  ///< in a row
  int retry_timer_ = 0;
  int settle_timer_ = 0;
  int kill_timer_ = 0;
  int ask_timer_ = 0;
  bool is_stopping_ = false;
};

}  // namespace croft::shim
