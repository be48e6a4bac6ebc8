#include "providers/process/machine.hpp"

#include <array>
#include <cstdlib>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/child.hpp"
#include "core/base/files.hpp"
#include "providers/local/machine_facts.hpp"
#include "providers/process/volume_image.hpp"

namespace croft {

namespace {

namespace fs = std::filesystem;

constexpr std::array kSystemDirectories = {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
// Public on every machine: no passwords, no private keys, nothing that tells of the host's
// services.
constexpr std::array kEtcFiles = {
    "/etc/alternatives", "/etc/ld.so.cache",     "/etc/ld.so.conf",      "/etc/ld.so.conf.d",
    "/etc/ssl/certs",    "/etc/ssl/openssl.cnf", "/etc/ca-certificates", "/etc/localtime",
    "/etc/timezone",     "/etc/mime.types",      "/etc/protocols",       "/etc/services",
    "/etc/terminfo",     "/etc/gai.conf"};

fs::path find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream directories(
      fmt::format("{}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", path ? path : ""));
  for (std::string directory; std::getline(directories, directory, ':');) {
    const fs::path candidate = fs::path(directory) / name;
    if (directory.starts_with('/') && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

std::vector<std::string> with_system_directories(const Machine& machine,
                                                 std::vector<std::string> arguments) {
  for (const auto& [directory, target] : machine.system_directories) {
    if (target.empty()) {
      arguments.insert(arguments.end(), {"--ro-bind", directory, directory});
    } else {
      arguments.insert(arguments.end(), {"--symlink", target, directory});
    }
  }
  return arguments;
}

/// As an app is started: the user dropped first, so that what works for root only is not taken for
/// working.
Result<void> try_sandbox(const Machine& machine, std::int64_t uid, bool disable_userns) {
  ChildCommand command;
  command.deadline = Duration(10'000);
  if (machine.is_root) {
    const std::string id = std::to_string(uid);
    command.arguments = {"setpriv", "--reuid", id, "--regid", id, "--clear-groups"};
  }
  command.arguments.push_back(machine.bubblewrap.string());
  for (const char* option :
       {"--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup",
        "--die-with-parent", "--proc", "/proc", "--dev", "/dev", "--ro-bind", "/usr", "/usr"}) {
    command.arguments.emplace_back(option);
  }
  if (disable_userns) command.arguments.emplace_back("--disable-userns");
  command.arguments = with_system_directories(machine, std::move(command.arguments));
  command.arguments.insert(command.arguments.end(), {"--", "/bin/true"});
  TRY(run_child_checked(command));
  return {};
}

void inspect_sandbox(Machine& machine, const ProcessSettings& settings) {
  machine.bubblewrap =
      settings.bubblewrap.empty() ? find_program("bwrap") : fs::path(settings.bubblewrap);
  if (machine.bubblewrap.empty()) {
    machine.missing.push_back({"namespaces", "bubblewrap (bwrap) is not installed"});
    return;
  }
  const std::int64_t uid = settings.first_uid;
  machine.can_disable_user_namespaces = try_sandbox(machine, uid, true).has_value();
  if (machine.can_disable_user_namespaces) return;
  if (const Result<void> tried = try_sandbox(machine, uid, false); !tried) {
    machine.missing.push_back(
        {"namespaces", "bubblewrap cannot make them: " + tried.error().message()});
  }
}

void inspect_privileges(Machine& machine) {
  if (!machine.is_root) {
    machine.missing.push_back(
        {"user", "only root can run each tenant's apps as a user of their own"});
    machine.missing.push_back({"network", "only root can give each app a network of its own"});
    machine.missing.push_back({"egress", "only root can connect apps to the outside"});
    return;
  }
  const ChildCommand unshare{.arguments = {"unshare", "--net", "true"},
                             .deadline = Duration(10'000)};
  if (const Result<std::string> tried = run_child_checked(unshare); !tried) {
    machine.missing.push_back(
        {"network", "no network namespace can be made: " + tried.error().message()});
  }
  for (const char* program : {"ip", "nft", "nsenter"}) {
    if (!find_program(program).empty()) continue;
    machine.missing.push_back(
        {"egress", fmt::format("the program '{}' is not installed", program)});
    return;
  }
  // Only checked, never done; and unlike a listing it costs the same however many rules there are.
  const ChildCommand nft{.arguments = {"nft", "--check", "add", "table", "inet", "croft_probe"},
                         .deadline = Duration(10'000)};
  if (const Result<std::string> tried = run_child_checked(nft); !tried) {
    machine.missing.push_back({"egress", "nftables does not work: " + tried.error().message()});
  }
}

void inspect_storage(Machine& machine, const ProcessSettings& settings) {
  std::string why;
  if (settings.volumes == ProcessSettings::Volumes::Directory) {
    why = "the operator said volumes: directory";
  } else if (!machine.is_root) {
    why = "only root can mount volumes of a fixed size";
  } else if (const Result<void> tried = volume_image::try_out(); !tried) {
    why = "no image can be mounted: " + tried.error().describe();
  }
  machine.can_mount_volumes = why.empty();
  if (!why.empty()) machine.missing.push_back({"storage", why});
}

}  // namespace

Machine inspect_machine(const ProcessSettings& settings) {
  Machine machine;
  machine.is_root = ::geteuid() == 0;
  std::error_code ignored;
  for (const char* directory : kSystemDirectories) {
    const fs::file_status status = fs::symlink_status(directory, ignored);
    if (fs::is_symlink(status)) {
      machine.system_directories.emplace_back(directory,
                                              fs::read_symlink(directory, ignored).string());
    } else if (fs::is_directory(status)) {
      machine.system_directories.emplace_back(directory, "");
    }
  }
  for (const char* file : kEtcFiles) {
    if (fs::exists(file, ignored)) machine.etc_files.emplace_back(file);
  }
  machine.resolvers = settings.resolvers;
  if (machine.resolvers.empty()) machine.resolvers = host_resolvers();
  inspect_privileges(machine);
  inspect_sandbox(machine, settings);
  inspect_storage(machine, settings);
  return machine;
}

}  // namespace croft
