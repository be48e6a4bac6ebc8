#include "tests/support/docker_engine.hpp"

#include <chrono>
#include <csignal>
#include <fstream>
#include <sched.h>
#include <sstream>
#include <stdexcept>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "tests/support/free_port.hpp"

namespace croft {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr Duration kDeadline{20'000};

Result<void> check(int status, const char* what) {
  if (status == 0) return {};
  return fail(system_error(errno, what));
}

Result<std::string> shell(const std::string& script) {
  return run_child_checked({.arguments = {"sh", "-c", script}, .deadline = kDeadline});
}

/// Where a program is, or nothing.
std::string find_program(const std::string& name) {
  std::string path = shell("command -v " + name).value_or("");
  return path.substr(0, path.find('\n'));
}

std::string find_problem() {
  const std::string program = DockerEngine::missing();
  if (!program.empty()) return "a Docker engine cannot be had: " + program + " is not installed";
  if (::geteuid() != 0) return "a Docker engine cannot be had: only root can start one";
  const Result<void> left = leave_for_own_machine();
  if (left) return {};
  return "a machine of the test's own cannot be had: " + left.error().describe();
}

/// Engines leave some of what they mount, which keeps a directory from being removed.
void unmount_below(const std::string& directory) {
  std::ifstream table("/proc/self/mounts");
  std::vector<std::string> points;
  for (std::string device, point, rest; table >> device >> point && std::getline(table, rest);) {
    if (point.starts_with(directory + "/")) points.push_back(point);
  }
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    ::umount2(point->c_str(), MNT_DETACH);
  }
}

}  // namespace

Result<void> leave_for_own_machine() {
  TRY(check(::unshare(CLONE_NEWNET | CLONE_NEWNS), "making namespaces"));
  TRY(check(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "making mounts private"));
  TRY(check(::mount("tmpfs", "/run", "tmpfs", 0, "mode=755"), "covering /run"));
  TRY(run_child_checked({.arguments = {"ip", "link", "set", "lo", "up"}, .deadline = kDeadline}));
  return {};
}

Result<EngineCertificates> make_engine_certificates(const std::filesystem::path& directory) {
  TRY(make_directory(directory, 0700));
  const std::string script =
      fmt::format("set -e; cd {}\n", directory.string()) +
      R"sh(new="openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
      $new -x509 -subj /CN=authority -keyout ca.key -out ca.pem
      $new -x509 -CA ca.pem -CAkey ca.key -subj /CN=server -keyout server.key -out server.pem \
        -addext subjectAltName=IP:127.0.0.1,DNS:localhost -addext extendedKeyUsage=serverAuth
      $new -x509 -CA ca.pem -CAkey ca.key -subj /CN=client -keyout client.key -out client.pem \
        -addext extendedKeyUsage=clientAuth)sh";
  TRY(shell(script));
  return EngineCertificates{.authority = directory / "ca.pem",
                            .server = directory / "server.pem",
                            .server_key = directory / "server.key",
                            .client = directory / "client.pem",
                            .client_key = directory / "client.key"};
}

DockerEngine::DockerEngine(std::filesystem::path directory, std::vector<std::string> arguments)
    : directory_(std::move(directory)), arguments_(std::move(arguments)) {}

DockerEngine::~DockerEngine() {
  if (!std::filesystem::exists(directory_ / "data")) return;  // it has never run
  if (daemon_) resume();
  // Containers of an engine that was killed run on without it.
  if (!daemon_ && shell("ls " + (directory_ / "data/containers/*/config.v2.json").string()))
    (void)start();
  if (daemon_) {
    (void)shell(fmt::format("docker --host {0} ps -aq | xargs -r docker --host {0} rm -f", host()));
  }
  stop();
  unmount_below(directory_);
}

std::string DockerEngine::missing() {
  for (const char* program :
       {"dockerd", "docker", "containerd", "runc", "iptables", "busybox", "openssl"}) {
    if (find_program(program).empty()) return program;
  }
  return {};
}

const std::string& DockerEngine::problem() {
  static const std::string found = find_problem();
  return found;
}

DockerEngine& DockerEngine::shared() {
  static TemporaryDirectory directory = TemporaryDirectory::make("croft-docker-").value();
  static DockerEngine engine(directory.path() / "engine");
  if (engine.daemon_) return engine;
  if (!problem().empty()) throw std::runtime_error(problem());
  if (engine.tls_port_ == 0) {
    engine.certificates_ = make_engine_certificates(directory.path() / "tls").value();
    engine.tls_port_ = free_port();
    const EngineCertificates& pem = engine.certificates_;
    engine.arguments_ = {"--host",
                         fmt::format("tcp://127.0.0.1:{}", engine.tls_port_),
                         "--tlsverify",
                         "--tlscacert=" + pem.authority,
                         "--tlscert=" + pem.server,
                         "--tlskey=" + pem.server_key};
  }
  const Result<void> started = engine.start();
  if (!started) throw std::runtime_error(started.error().describe());
  if (!engine.make_busybox_image("busybox:test"))
    throw std::runtime_error("an image cannot be made; the engine said:\n" + engine.log());
  return engine;
}

Result<void> DockerEngine::start() {
  TRY(make_directory(directory_, 0711));
  std::vector<std::string> arguments = {find_program("dockerd"),
                                        "--host",
                                        host(),
                                        "--data-root",
                                        directory_ / "data",
                                        "--exec-root",
                                        directory_ / "exec",
                                        "--pidfile",
                                        directory_ / "docker.pid"};
  arguments.insert(arguments.end(), arguments_.begin(), arguments_.end());
  daemon_ = std::make_unique<ServerProcess>(arguments, directory_ / "log", "", SIGKILL);
  // Of one that was killed it clears up first, a second or more for each container.
  const auto until = steady_clock::now() + seconds(60);
  while (!docker({"version"})) {
    if (steady_clock::now() > until || daemon_->has_ended()) {
      daemon_.reset();
      return fail(ErrorCode::Unavailable, "the engine does not answer; it said:\n" + log());
    }
    std::this_thread::sleep_for(milliseconds(20));
  }
  return {};
}

void DockerEngine::stop() {
  if (daemon_) daemon_->end(SIGTERM);
  daemon_.reset();
}

void DockerEngine::kill() {
  if (!daemon_) return;
  // Its containerd goes with it and becomes our child. While nobody waits for that one, a new
  // daemon takes it for one that runs.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const std::string file = directory_ / "exec/containerd/containerd.pid";
  const pid_t containerd = std::atoi(read_file(file, 64).value_or("0").c_str());
  daemon_->end(SIGKILL);
  daemon_.reset();
  if (containerd > 0) ::waitpid(containerd, nullptr, 0);
}

void DockerEngine::pause() { daemon_->signal(SIGSTOP); }

void DockerEngine::resume() { daemon_->signal(SIGCONT); }

Result<std::string> DockerEngine::docker(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {"docker", "--host", host()});
  return run_child_checked({.arguments = std::move(arguments), .deadline = kDeadline});
}

void DockerEngine::sweep() const {
  std::istringstream left(docker({"ps", "-aq"}).value_or(""));
  std::vector<std::string> words{"rm", "-f"};
  for (std::string id; left >> id;) words.push_back(id);
  if (words.size() > 2) (void)docker(words);
  (void)docker({"network", "prune", "-f"});
  (void)docker({"volume", "prune", "-f"});
}

Result<void> DockerEngine::make_busybox_image(const std::string& name) const {
  const std::string script = fmt::format(
      "set -e; mkdir -p {0}/root/bin {0}/root/www {0}/root/tmp; cp $(command -v busybox) "
      "{0}/root/bin/busybox\n"
      "for name in sh sleep cat ls id stty nc wget; do ln -sf busybox {0}/root/bin/$name; done\n"
      "echo from the container >{0}/root/www/index.html\n"
      "tar -C {0}/root -c . | docker --host unix://{0}/docker.sock import - {1}",
      directory_.string(), name);
  TRY(shell(script));
  return {};
}

std::string DockerEngine::log() const {
  return read_file(directory_ / "log", 1 << 20).value_or("nothing");
}

std::string DockerEngine::host() const {
  return fmt::format("unix://{}/docker.sock", directory_.string());
}

}  // namespace croft
