#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

namespace croft {

/// A server that a test talks to; killed with its process group at the end.
class BackgroundProcess {
 public:
  /// Starts it and waits for its first line of standard output. Throws std::runtime_error if it
  /// ends before.
  explicit BackgroundProcess(std::vector<std::string> arguments, bool waits_for_line = true);
  BackgroundProcess(const BackgroundProcess&) = delete;
  BackgroundProcess& operator=(const BackgroundProcess&) = delete;
  ~BackgroundProcess();

  const std::string& first_line() const { return first_line_; }
  bool is_running() const;

 private:
  pid_t pid_ = -1;
  std::string first_line_;
};

}  // namespace croft
