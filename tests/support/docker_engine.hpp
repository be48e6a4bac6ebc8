#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/files.hpp"
#include "core/base/result.hpp"
#include "tests/support/server_process.hpp"

namespace croft {

/// Puts this process, and the threads and children that it makes from now on, into a network of
/// its own with its own packet filter, and gives it a /run of its own: an engine started there
/// neither sees nor touches the machine's own one, nor the tests beside this one. Call it before
/// there are threads.
Result<void> leave_for_own_machine();

/// PEM files with which an engine and its clients know each other.
struct EngineCertificates {
  std::string authority;
  std::string server;  ///< for 127.0.0.1 and localhost
  std::string server_key;
  std::string client;
  std::string client_key;
};

/// Makes them in a directory.
Result<EngineCertificates> make_engine_certificates(const std::filesystem::path& directory);

/// A real Docker engine in a directory, with its own containerd. Blocks.
class DockerEngine {
 public:
  /// `arguments` are further ones of dockerd.
  explicit DockerEngine(std::filesystem::path directory, std::vector<std::string> arguments = {});
  DockerEngine(const DockerEngine&) = delete;
  DockerEngine& operator=(const DockerEngine&) = delete;
  /// Removes its containers, too, so that nothing of it runs on.
  ~DockerEngine();

  /// The program that is not installed, or nothing.
  static std::string missing();
  /// Why this machine has no engine for a test, or nothing. The first call leaves for a machine of
  /// its own: call it before there are threads.
  static const std::string& problem();
  /// One for all tests of this program, started, with an image "busybox:test"; it listens on TCP
  /// with TLS as well. Throws if there is a problem().
  static DockerEngine& shared();

  /// Until it answers. What else it says is in log().
  Result<void> start();
  /// As an operator would: what it made of networks and rules stays behind.
  void stop();
  /// SIGKILL: containers run on, and the next start() finds them.
  void kill();
  /// SIGSTOP: its socket takes connections and never answers.
  void pause();
  void resume();

  Result<std::string> docker(std::vector<std::string> arguments) const;
  /// Removes all containers, and networks and volumes that nothing uses. What one daemon leaves
  /// behind is a stranger to the next, which would wait for `croft adopt`.
  void sweep() const;
  /// An image of that name with busybox and nothing else.
  Result<void> make_busybox_image(const std::string& name) const;
  std::string log() const;
  /// "unix:///tmp/.../docker.sock"
  std::string host() const;
  const std::filesystem::path& directory() const { return directory_; }
  /// Of shared() only.
  int tls_port() const { return tls_port_; }
  const EngineCertificates& certificates() const { return certificates_; }

 private:
  std::filesystem::path directory_;
  std::vector<std::string> arguments_;
  std::unique_ptr<ServerProcess> daemon_;
  int tls_port_ = 0;
  EngineCertificates certificates_;
};

}  // namespace croft
