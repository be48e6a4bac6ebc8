#pragma once

#include <filesystem>
#include <string>
#include <sys/types.h>
#include <vector>

#include "core/base/result.hpp"

namespace croft {

/// Puts this process, and the threads and children that it makes from now on, into a network of
/// its own with its own packet filter, and gives it a /run of its own: an engine started there
/// neither sees nor touches the machine's own one, nor the tests beside this one. Call it before
/// there are threads.
Result<void> leave_for_own_machine();

/// A real Docker engine in a directory, with its own containerd.
class DockerEngine {
 public:
  explicit DockerEngine(std::filesystem::path directory);
  DockerEngine(const DockerEngine&) = delete;
  DockerEngine& operator=(const DockerEngine&) = delete;
  ~DockerEngine() { stop(); }

  /// The program that is not installed, or nothing.
  static std::string missing();

  /// Until it answers. What else it says is in log().
  Result<void> start();
  /// As an operator would: what it made of networks and rules stays behind.
  void stop();
  Result<std::string> docker(std::vector<std::string> arguments) const;
  /// An image of that name with busybox and nothing else.
  Result<void> make_busybox_image(const std::string& name) const;
  std::string log() const;

 private:
  std::filesystem::path directory_;
  pid_t daemon_ = -1;
};

}  // namespace croft
