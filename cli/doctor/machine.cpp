#include "cli/doctor/machine.hpp"

#include <charconv>
#include <cstdlib>
#include <sys/resource.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "providers/docker/engine/engine_client.hpp"
#include "providers/local/cgroup_files.hpp"
#include "providers/process/machine.hpp"

namespace croft::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kEnoughFiles = 8'192;
constexpr std::int64_t kEnoughWatches = 8'192;
constexpr std::int64_t kEnoughInstances = 128;
constexpr std::size_t kLongestMounts = 1U << 20U;
constexpr const char* kDockerSocket = "var/run/docker.sock";

std::optional<std::int64_t> number_in(const fs::path& file) {
  const Result<std::string> text = read_file(file, 64);
  std::int64_t number = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), number).ec != std::errc())
    return std::nullopt;
  return number;
}

bool runs(std::vector<std::string> arguments) {
  const ChildCommand command{.arguments = std::move(arguments), .deadline = Duration(10'000)};
  return run_child_checked(command).has_value();
}

/// Whether a shell would find it.
bool is_there(const std::string& program) {
  return runs({"sh", "-c", "command -v \"$1\"", "sh", program});
}

std::optional<fs::path> known_hosts() {
  const char* home = std::getenv("HOME");
  std::error_code ignored;
  for (const fs::path& file : {fs::path(home == nullptr ? "/" : home) / ".ssh/known_hosts",
                               fs::path("/etc/ssh/ssh_known_hosts")}) {
    if (fs::exists(file, ignored)) return file;
  }
  return std::nullopt;
}

/// "scp-like" addresses count, too: git@host:path.
bool is_ssh(const std::string& repository) {
  if (repository.starts_with("ssh://")) return true;
  const std::size_t colon = repository.find(':');
  return colon != std::string::npos && repository.find('@') < colon && repository.find('/') > colon;
}

/// "Docker 20.10.24".
Result<std::string> engine_version(const fs::path& socket) {
  docker::EngineSettings settings;
  settings.host = "unix://" + socket.string();
  settings.call_timeout = Duration(5'000);
  // Before the client: its kept connections end with it, on a loop that is still there.
  asio::io_context io;
  TRY_ASSIGN(const docker::EngineClient engine, docker::EngineClient::make(std::move(settings)));
  Result<docker::EngineIdentity> identity = fail(ErrorCode::Internal, "it was not asked");
  asio::co_spawn(io, engine.system().identity(),
                 [&](const std::exception_ptr& thrown, Result<docker::EngineIdentity> answer) {
                   if (!thrown) identity = std::move(answer);
                   io.stop();
                 });
  io.run();
  if (!identity) return fail(std::move(identity).error());
  const bool is_docker = identity->kind == docker::EngineKind::Docker;
  return fmt::format("{} {}, API {}", is_docker ? "Docker" : "Podman", identity->version,
                     identity->api);
}

std::string advice_for(const std::string& what) {
  if (what == "namespaces") return "install bubblewrap, and allow user namespaces";
  if (what == "storage") return "run Croft as root for volumes of a fixed size, or leave it so";
  if (what == "egress") return "install iproute2, nftables and util-linux, and run Croft as root";
  return "run Croft as root if tenants are strangers to one another";
}

void judge_kernel(const MachineFacts& facts, Findings& findings) {
  if (!facts.controllers) {
    findings.fail("no cgroups are mounted",
                  "mount cgroup v2 at /sys/fs/cgroup; limits cannot be kept without");
  } else {
    std::vector<std::string_view> absent;
    const std::string words = " " + *facts.controllers + " ";
    for (const std::string_view one : {"cpu", "memory", "pids"}) {
      if (words.find(fmt::format(" {} ", one)) == std::string::npos) absent.push_back(one);
    }
    if (absent.empty()) {
      findings.ok(fmt::format("cgroup v{} with cpu, memory and pids", facts.cgroups));
    } else {
      findings.fail(fmt::format("cgroup v{} lacks {}", facts.cgroups, fmt::join(absent, ", ")),
                    "give Croft's service Delegate=yes, or boot with cgroup_enable=memory");
    }
  }
  if (!facts.forwards || *facts.forwards == 0) {
    findings.warn("net.ipv4.ip_forward is off",
                  "nothing: Croft turns it on for the first app with egress; or do so by sysctl");
  } else {
    findings.ok("net.ipv4.ip_forward is on");
  }
}

void judge_limits(const MachineFacts& facts, Findings& findings) {
  if (facts.open_files < kEnoughFiles) {
    findings.warn(fmt::format("a process may open {} files only", facts.open_files),
                  fmt::format("set LimitNOFILE={} or more for Croft's service", kEnoughFiles * 8));
  } else {
    findings.ok(fmt::format("a process may open {} files", facts.open_files));
  }
  const auto is_scarce = [](const std::optional<std::int64_t>& count, std::int64_t enough) {
    return count && *count < enough;
  };
  if (is_scarce(facts.watches, kEnoughWatches))
    findings.warn(fmt::format("fs.inotify.max_user_watches is {}", *facts.watches),
                  fmt::format("set it to {} or more by sysctl", kEnoughWatches * 8));
  if (is_scarce(facts.watch_instances, kEnoughInstances))
    findings.warn(fmt::format("fs.inotify.max_user_instances is {}", *facts.watch_instances),
                  fmt::format("set it to {} or more by sysctl", kEnoughInstances * 8));
}

void judge_git(const MachineFacts& facts, Findings& findings) {
  for (const std::string& program : facts.missing_programs)
    findings.fail(fmt::format("the program '{}' is not installed", program),
                  "install it: sources are fetched with it");
  for (const std::string& program : facts.missing_verifiers)
    findings.warn(fmt::format("the program '{}' is not installed", program),
                  "install it if a Source has 'verify': signatures are checked with it");
  if (facts.needs_ssh && !facts.known_hosts) {
    findings.fail("the repository is at ssh://, and ssh knows no host",
                  "put the host's key into ~/.ssh/known_hosts of Croft's user, after checking it");
  } else if (facts.missing_programs.empty()) {
    findings.ok("git and ssh are there");
  }
}

}  // namespace

MachineFacts read_machine(const fs::path& root, const std::string& repository) {
  MachineFacts facts;
  facts.missing = inspect_machine(ProcessSettings{}).missing;
  if (Result<std::string> text = read_file(root / "sys/fs/cgroup/cgroup.controllers", 4'096)) {
    while (text->ends_with('\n')) text->pop_back();
    facts.controllers = std::move(*text);
  } else if (text = read_file(root / "proc/self/mountinfo", kLongestMounts); text) {
    const auto mounts = cgroup_v1_mounts(*text);
    facts.cgroups = 1;
    for (const auto& [controller, place] : mounts)
      facts.controllers = facts.controllers.value_or("") + " " + controller;
  }
  facts.forwards = number_in(root / "proc/sys/net/ipv4/ip_forward");
  facts.watches = number_in(root / "proc/sys/fs/inotify/max_user_watches");
  facts.watch_instances = number_in(root / "proc/sys/fs/inotify/max_user_instances");
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) facts.open_files = files.rlim_max;
  if (!runs({"git", "--version"})) facts.missing_programs.emplace_back("git");
  if (!runs({"ssh", "-V"})) facts.missing_programs.emplace_back("ssh");
  if (!is_there("ssh-keygen")) facts.missing_verifiers.emplace_back("ssh-keygen");
  if (!is_there("gpgv")) facts.missing_verifiers.emplace_back("gpgv");
  facts.needs_ssh = is_ssh(repository);
  facts.known_hosts = known_hosts();
  std::error_code ignored;
  facts.has_docker_socket = fs::exists(root / kDockerSocket, ignored);
  if (facts.has_docker_socket) {
    Result<std::string> version = engine_version(root / kDockerSocket);
    if (version) facts.docker = std::move(*version);
    if (!version) facts.docker_error = version.error().describe();
  }
  return facts;
}

void judge_machine(const MachineFacts& facts, std::vector<Finding>& all) {
  Findings machine(all, "machine");
  judge_kernel(facts, machine);
  for (const Capabilities::Missing& one : facts.missing)
    machine.warn(fmt::format("{}: {}", one.what, one.why), advice_for(one.what));
  if (facts.missing.empty()) machine.ok("sandboxes, networks and volumes of apps can be made");
  judge_limits(facts, machine);
  Findings git(all, "git");
  judge_git(facts, git);
  if (!facts.has_docker_socket) return;
  Findings docker(all, "docker");
  if (facts.docker_error.empty()) {
    docker.ok(fmt::format("an engine answers: {}", facts.docker));
  } else {
    docker.warn(fmt::format("the engine does not answer: {}", facts.docker_error),
                "start it, or let Croft's user speak to its socket; only docker providers need it");
  }
}

}  // namespace croft::cli
