#pragma once

#include <memory>
#include <string>

#include "core/base/files.hpp"
#include "core/base/result.hpp"
#include "tests/support/server_process.hpp"

namespace croft {

/// A real Podman that speaks Docker's API on a socket, with storage of its own. Blocks.
class PodmanEngine {
 public:
  PodmanEngine();
  PodmanEngine(const PodmanEngine&) = delete;
  PodmanEngine& operator=(const PodmanEngine&) = delete;
  /// Removes its containers, too.
  ~PodmanEngine();

  /// Why this machine has none for a test, or nothing. Leaves for a machine of its own, as
  /// DockerEngine::problem() does.
  static const std::string& problem();
  /// One for all tests of this program, started, with an image "localhost/busybox:test". Throws if
  /// there is a problem().
  static PodmanEngine& shared();

  Result<void> start();
  void stop();
  Result<std::string> podman(std::vector<std::string> arguments) const;
  Result<void> make_busybox_image(const std::string& name) const;
  std::string log() const;
  std::string host() const;

 private:
  std::vector<std::string> command(std::vector<std::string> arguments) const;

  TemporaryDirectory directory_;
  std::unique_ptr<ServerProcess> service_;
};

}  // namespace croft
