#pragma once

#include <filesystem>
#include <string>
#include <sys/types.h>
#include <vector>

namespace croft {

/// A server that a test runs as its child: in a process group of its own, gone with the thread that
/// started it. Its output goes to a file.
class ServerProcess {
 public:
  /// `user` is whose rights it gets if we are root; empty: ours.
  ServerProcess(const std::vector<std::string>& arguments, const std::filesystem::path& log,
                const std::string& user, int death_signal);
  ~ServerProcess() { end(death_signal_); }
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  /// True if it has ended by itself.
  bool has_ended();
  /// Sends a signal that does not end it; after SIGSTOP all of it has stopped.
  void signal(int number) const;
  /// Sends a signal that ends it, and waits for that.
  void end(int number);

 private:
  int death_signal_;
  pid_t owner_;
  pid_t pid_;
};

}  // namespace croft
