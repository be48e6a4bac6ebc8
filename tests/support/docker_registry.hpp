#pragma once

#include <memory>
#include <string>

#include "core/base/files.hpp"
#include "tests/support/server_process.hpp"

namespace croft {

/// A real registry (Docker's own) on loopback, in a temporary directory. Start it after
/// DockerEngine::problem() was asked for, which may leave for another network. Blocks; throws what
/// a test cannot mend.
class DockerRegistry {
 public:
  enum class Access { Everybody, Login };
  static constexpr const char* kUser = "croft";
  static constexpr const char* kPassword = "opensesame";

  explicit DockerRegistry(Access access = Access::Everybody);
  DockerRegistry(const DockerRegistry&) = delete;
  DockerRegistry& operator=(const DockerRegistry&) = delete;

  /// The program that is not installed, or nothing.
  static std::string missing();
  /// "127.0.0.1:20042"
  std::string address() const;

 private:
  TemporaryDirectory directory_;
  int port_;
  std::unique_ptr<ServerProcess> process_;
};

}  // namespace croft
