#include "tests/support/docker_registry.hpp"

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <thread>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "tests/support/free_port.hpp"

namespace croft {

namespace {

constexpr const char* kProgram = "/usr/bin/docker-registry";
// As `htpasswd -Bbn croft opensesame` says.
constexpr const char* kPasswords =
    "croft:$2y$05$WU1mtPEMsiWOXwlTAP0KPuy1AdQogxk2ULpNwTPmS00/i/R6t8Xeu\n";

std::string settings(const std::string& directory, int port, DockerRegistry::Access access) {
  std::string text = fmt::format(
      "version: 0.1\nlog: {{accesslog: {{disabled: true}}}}\n"
      "storage: {{filesystem: {{rootdirectory: {}/data}}, delete: {{enabled: true}}}}\n"
      "http: {{addr: '127.0.0.1:{}'}}\n",
      directory, port);
  if (access == DockerRegistry::Access::Login)
    text += fmt::format("auth: {{htpasswd: {{realm: tests, path: {}/passwords}}}}\n", directory);
  return text;
}

}  // namespace

DockerRegistry::DockerRegistry(Access access)
    : directory_(TemporaryDirectory::make("croft-registry-").value()), port_(free_port()) {
  const std::string directory = directory_.path();
  if (!write_file_atomic(directory + "/settings.yml", settings(directory, port_, access), 0600) ||
      !write_file_atomic(directory + "/passwords", kPasswords, 0600))
    throw std::runtime_error("a registry cannot be set up");
  process_ = std::make_unique<ServerProcess>(
      std::vector<std::string>{kProgram, "serve", directory + "/settings.yml"}, directory + "/log",
      "", SIGKILL);
  for (int i = 0; i < 200 && !process_->has_ended(); ++i) {
    const auto asked =
        run_child({.arguments = {"curl", "-s", "-o", "/dev/null", "http://" + address() + "/v2/"}});
    if (asked && asked->status == 0) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  throw std::runtime_error("the registry does not start: " +
                           read_file(directory + "/log", 1 << 20).value_or("no log"));
}

std::string DockerRegistry::missing() {
  return std::filesystem::exists(kProgram) ? "" : "docker-registry";
}

std::string DockerRegistry::address() const { return fmt::format("127.0.0.1:{}", port_); }

}  // namespace croft
