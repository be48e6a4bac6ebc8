#include "tests/support/podman_engine.hpp"

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "tests/support/docker_engine.hpp"

namespace croft {

namespace {

constexpr Duration kDeadline{30'000};
constexpr const char* kProgram = "/usr/bin/podman";

// Machines of ours have neither systemd nor the right to raise limits.
constexpr const char* kSettings =
    "[containers]\ndefault_ulimits = [\"nofile=1024:4096\", \"nproc=4096:4096\"]\n"
    "[engine]\ncgroup_manager = \"cgroupfs\"\nruntime = \"runc\"\nevents_logger = \"file\"\n";

std::string find_problem() {
  if (!std::filesystem::exists(kProgram)) return "Podman cannot be had: it is not installed";
  return DockerEngine::problem();
}

}  // namespace

PodmanEngine::PodmanEngine() : directory_(TemporaryDirectory::make("croft-podman-").value()) {
  if (!write_file_atomic(directory_.path() / "containers.conf", kSettings, 0600))
    throw std::runtime_error("Podman cannot be set up");
}

PodmanEngine::~PodmanEngine() {
  if (service_) (void)podman({"rm", "--all", "--force", "--time", "0"});
  stop();
  // Its storage is mounted below the directory that goes now.
  (void)run_child({.arguments = {"umount", "-l", directory_.path() / "root/overlay"}});
}

const std::string& PodmanEngine::problem() {
  static const std::string found = find_problem();
  return found;
}

PodmanEngine& PodmanEngine::shared() {
  if (!problem().empty()) throw std::runtime_error(problem());
  static PodmanEngine engine;
  if (engine.service_) return engine;
  const Result<void> started = engine.start();
  if (!started) throw std::runtime_error(started.error().describe());
  const Result<void> made = engine.make_busybox_image("localhost/busybox:test");
  if (!made) throw std::runtime_error(made.error().describe() + engine.log());
  return engine;
}

std::vector<std::string> PodmanEngine::command(std::vector<std::string> arguments) const {
  const std::string base = directory_.path();
  std::vector<std::string> all = {"/usr/bin/env",    "CONTAINERS_CONF=" + base + "/containers.conf",
                                  kProgram,          "--root",
                                  base + "/root",    "--runroot",
                                  base + "/run",     "--tmpdir",
                                  base + "/tmp",     "--network-config-dir",
                                  base + "/networks"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

Result<void> PodmanEngine::start() {
  service_ = std::make_unique<ServerProcess>(command({"system", "service", "--time=0", host()}),
                                             directory_.path() / "log", "", SIGKILL);
  const std::string socket = directory_.path() / "podman.sock";
  for (int i = 0; i < 300 && !service_->has_ended(); ++i) {
    const auto asked =
        run_child({.arguments = {"curl", "-sf", "--unix-socket", socket, "http://podman/_ping"}});
    if (asked && asked->status == 0) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  service_.reset();
  return fail(ErrorCode::Unavailable, "Podman does not answer; it said:\n" + log());
}

void PodmanEngine::stop() {
  if (service_) service_->end(SIGTERM);
  service_.reset();
}

Result<std::string> PodmanEngine::podman(std::vector<std::string> arguments) const {
  return run_child_checked({.arguments = command(std::move(arguments)), .deadline = kDeadline});
}

Result<void> PodmanEngine::make_busybox_image(const std::string& name) const {
  const std::string base = directory_.path();
  const std::string script = fmt::format(
      "set -e; mkdir -p {0}/image/bin {0}/image/tmp; cp $(command -v busybox) {0}/image/bin/\n"
      "for name in sh sleep cat ls id stty; do ln -sf busybox {0}/image/bin/$name; done\n"
      "tar -C {0}/image -cf {0}/image.tar .",
      base);
  TRY(run_child_checked({.arguments = {"sh", "-c", script}, .deadline = kDeadline}));
  TRY(podman({"import", base + "/image.tar", name}));
  return {};
}

std::string PodmanEngine::log() const {
  return read_file(directory_.path() / "log", 1 << 20).value_or("nothing");
}

std::string PodmanEngine::host() const {
  return fmt::format("unix://{}/podman.sock", directory_.path().string());
}

}  // namespace croft
