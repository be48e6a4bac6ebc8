#include "tests/providers/process/docker_engine.hpp"

#include <chrono>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"

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

[[noreturn]] void become_daemon(const std::vector<std::string>& arguments, const std::string& log) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int null = ::open("/dev/null", O_RDONLY);
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(null, 0);
  ::dup2(out, 1);
  ::dup2(out, 2);
  ::signal(SIGPIPE, SIG_DFL);
  std::vector<char*> words;
  for (const std::string& argument : arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  ::execvp(words[0], words.data());
  ::_exit(127);
}

}  // namespace

Result<void> leave_for_own_machine() {
  TRY(check(::unshare(CLONE_NEWNET | CLONE_NEWNS), "making namespaces"));
  TRY(check(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "making mounts private"));
  TRY(check(::mount("tmpfs", "/run", "tmpfs", 0, "mode=755"), "covering /run"));
  TRY(run_child_checked({.arguments = {"ip", "link", "set", "lo", "up"}, .deadline = kDeadline}));
  return {};
}

DockerEngine::DockerEngine(std::filesystem::path directory) : directory_(std::move(directory)) {}

std::string DockerEngine::missing() {
  for (const char* program : {"dockerd", "docker", "containerd", "runc", "iptables", "busybox"}) {
    const ChildCommand look{.arguments = {"sh", "-c", fmt::format("command -v {}", program)},
                            .deadline = kDeadline};
    if (!run_child_checked(look)) return program;
  }
  return {};
}

Result<void> DockerEngine::start() {
  TRY(make_directory(directory_, 0711));
  const std::vector<std::string> arguments = {
      "dockerd",
      "--host",
      fmt::format("unix://{}/docker.sock", directory_.string()),
      "--data-root",
      directory_ / "data",
      "--exec-root",
      directory_ / "exec",
      "--pidfile",
      directory_ / "docker.pid"};
  const std::string log_file = directory_ / "log";
  daemon_ = ::fork();
  if (daemon_ == 0) become_daemon(arguments, log_file);
  const auto until = steady_clock::now() + seconds(15);
  while (!docker({"version"})) {
    if (steady_clock::now() > until || ::waitpid(daemon_, nullptr, WNOHANG) != 0)
      return fail(ErrorCode::Unavailable, "the engine does not answer; it said:\n" + log());
    std::this_thread::sleep_for(milliseconds(20));
  }
  return {};
}

void DockerEngine::stop() {
  if (daemon_ <= 0) return;
  ::kill(daemon_, SIGTERM);
  const auto until = steady_clock::now() + seconds(15);
  while (::waitpid(daemon_, nullptr, WNOHANG) == 0) {
    if (steady_clock::now() > until) ::kill(daemon_, SIGKILL);
    std::this_thread::sleep_for(milliseconds(10));
  }
  daemon_ = -1;
}

Result<std::string> DockerEngine::docker(std::vector<std::string> arguments) const {
  const std::string host = fmt::format("unix://{}/docker.sock", directory_.string());
  arguments.insert(arguments.begin(), {"docker", "--host", host});
  return run_child_checked({.arguments = std::move(arguments), .deadline = kDeadline});
}

Result<void> DockerEngine::make_busybox_image(const std::string& name) const {
  const std::string script = fmt::format(
      "set -e; mkdir -p {0}/root/bin {0}/root/www; cp $(command -v busybox) {0}/root/bin/busybox\n"
      "ln -sf busybox {0}/root/bin/sh; echo from the container >{0}/root/www/index.html\n"
      "tar -C {0}/root -c . | docker --host unix://{0}/docker.sock import - {1}",
      directory_.string(), name);
  TRY(run_child_checked({.arguments = {"sh", "-c", script}, .deadline = kDeadline}));
  return {};
}

std::string DockerEngine::log() const {
  return read_file(directory_ / "log", 1 << 20).value_or("nothing");
}

}  // namespace croft
