#include "tests/e2e/support/ssh_git_host.hpp"

#include <arpa/inet.h>
#include <csignal>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "tests/e2e/support/daemon.hpp"
#include "tests/support/free_port.hpp"

namespace croft::e2e {

namespace fs = std::filesystem;

std::string SshGitHost::missing() {
  if (::geteuid() != 0) return "sshd needs root to take a login of this user";
  if (::access("/usr/sbin/sshd", X_OK) != 0) return "openssh-server is not installed";
  return "";
}

SshGitHost::SshGitHost(const fs::path& secrets)
    : home_(TemporaryDirectory::make("croft-sshd-").value()), port_(free_port()) {
  fs::create_directories("/run/sshd");
  for (const char* key : {"host", "deploy"}) {
    const auto made = run_child_checked(
        {.arguments = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file(key)}});
    if (!made) throw std::runtime_error(made.error().describe());
  }
  const std::string config = fmt::format(
      "ListenAddress 127.0.0.1:{}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes "
      "no\n"
      "UsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nMaxStartups 100\nLogLevel "
      "QUIET\n",
      port_, file("host"), file("deploy.pub"));
  (void)write_file_atomic(file("sshd_config"), config, 0600);
  server_ = std::make_unique<ServerProcess>(
      std::vector<std::string>{"/usr/sbin/sshd", "-D", "-e", "-f", file("sshd_config")},
      home_.path() / "log", "", SIGTERM);
  if (!wait_until([&] { return answers(); }))
    throw std::runtime_error("sshd does not answer: " +
                             read_file(home_.path() / "log", 1U << 20U).value_or(""));
  fs::create_directories(secrets);
  const std::string key = read_file(file("host.pub"), 1000).value();
  (void)write_file_atomic(secrets / "known_hosts", fmt::format("[127.0.0.1]:{} {}", port_, key),
                          0600);
  (void)write_file_atomic(secrets / "deploy", read_file(file("deploy"), 10'000).value(), 0600);
}

bool SshGitHost::answers() const {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port_));
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

std::string SshGitHost::url_of(const GitRepository& repository) const {
  return fmt::format("ssh://root@127.0.0.1:{}{}", port_, repository.path().string());
}

}  // namespace croft::e2e
