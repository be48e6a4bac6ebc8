#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "tests/support/free_port.hpp"

namespace croft::e2e {

/// Polls until the condition holds; false after the time.
bool wait_until(const std::function<bool()>& condition,
                std::chrono::milliseconds patience = std::chrono::seconds(60));

/// A word that no other test of any process uses.
std::string unique_marker();

/// True if CROFT_SOAK=1 asks for the full count.
bool is_soak();

/// `croft serve` of the build's binary with a data directory and a port of its own; at the end it,
/// its roles and the apps it started are stopped, each by its pid.
class Daemon {
 public:
  Daemon();
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// What `croft serve` is called with beside --data, --edge-listen and the log level.
  std::vector<std::string> flags;

  const std::filesystem::path& data() const { return data_; }
  std::string edge_address() const;
  int port() const { return port_; }
  pid_t pid() const { return pid_; }

  /// Starts it without waiting for anything.
  void launch();
  /// Waits until the API answers; false if it does not within the time or the process ended.
  bool is_up();
  /// Both; throws with the log if it does not come up.
  void start();
  /// SIGTERM, then waits: what the process left as its exit status (128 + signal).
  int stop();
  void signal(int number) const;
  /// kill -9, reaped.
  void kill();
  /// Waits for it to end by itself: its exit status, or nothing after the time.
  std::optional<int> ended(std::chrono::milliseconds patience);

  /// The pid in DATA/run/ROLE.pid while such a process lives.
  std::optional<pid_t> role(const std::string& name) const;
  /// All live processes of a role, those that are about to end too.
  std::vector<pid_t> processes_of(const std::string& role) const;

  /// `croft ARGUMENTS...` against this daemon's socket.
  ChildOutput croft(const std::vector<std::string>& arguments,
                    const std::vector<std::string>& environment = {}) const;
  /// What the daemon wrote so far.
  std::string log() const;

  /// Pids of live processes that run `python3 FILE` for this daemon's apps.
  std::vector<pid_t> apps(const std::string& marker) const;

 private:
  std::vector<std::string> command() const;
  void stop_left_overs() const;

  TemporaryDirectory root_;
  std::filesystem::path data_;
  int port_;
  pid_t pid_ = -1;
};

/// Kibibytes that a process has in memory now.
long resident_kib(pid_t pid);

}  // namespace croft::e2e
