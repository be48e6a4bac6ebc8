#include "providers/docker/build_cgroup.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/files.hpp"

namespace croft::docker {

namespace {

namespace fs = std::filesystem;

constexpr const char* kRoot = "/sys/fs/cgroup";

std::string name_of(const std::string& uid) { return "croft-build-" + uid; }

bool is_v2() { return ::access((fs::path(kRoot) / "cgroup.controllers").c_str(), F_OK) == 0; }

/// The hierarchy that counts processes.
fs::path hierarchy() { return is_v2() ? fs::path(kRoot) : fs::path(kRoot) / "pids"; }

/// Files of cgroups take a value in one write; a temporary file beside them is not possible.
Result<void> write_control(const fs::path& path, const std::string& value) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (fd.is_open() && ::write(fd.get(), value.data(), value.size()) >= 0) return {};
  return fail(system_error(errno, fmt::format("writing '{}' to {}", value, path.string())));
}

}  // namespace

std::string reason_against_build_cgroup(const ProviderSettings& settings, EngineKind kind,
                                        const Value& info) {
  if (!settings.is_local()) return "the engine is on another machine";
  if (kind != EngineKind::Docker) return "the engine is no Docker Engine";
  const std::string driver = info.text_or("CgroupDriver", "");
  if (driver != "cgroupfs")
    return fmt::format("the engine's cgroup driver is '{}', not 'cgroupfs'", driver);
  if (::access(hierarchy().c_str(), W_OK) != 0)
    return "no cgroup controller 'pids' is writable here";
  return {};
}

Result<std::string> make_build_cgroup(const std::string& uid, std::int64_t processes) {
  // In v2 a controller has to be handed down first; it may be already.
  if (is_v2()) (void)write_control(hierarchy() / "cgroup.subtree_control", "+pids");
  const fs::path directory = hierarchy() / name_of(uid);
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
    return fail(system_error(errno, "making the cgroup " + directory.string()));
  TRY(write_control(directory / "pids.max", std::to_string(processes)));
  return "/" + name_of(uid);
}

void remove_build_cgroup(const std::string& uid) {
  std::error_code problem;
  if (is_v2()) ::rmdir((fs::path(kRoot) / name_of(uid)).c_str());
  for (const fs::directory_entry& one : fs::directory_iterator(kRoot, problem)) {
    if (!is_v2() && one.is_directory(problem)) ::rmdir((one.path() / name_of(uid)).c_str());
  }
}

}  // namespace croft::docker
