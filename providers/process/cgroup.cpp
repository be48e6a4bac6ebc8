#include "providers/process/cgroup.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <fcntl.h>
#include <set>
#include <signal.h>
#include <sstream>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "providers/local/cgroup_files.hpp"

namespace croft {

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 3> kControllers = {"memory", "cpu", "pids"};
constexpr const char* kDefaultParent = "/sys/fs/cgroup/croft";
constexpr long kCgroup2Magic = 0x63677270;
constexpr std::int64_t kPeriod = 100'000;  // microseconds

/// Files of cgroups take a value in one write; a temporary file beside them is not possible.
Result<void> write_control(const fs::path& path, std::string_view value) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.is_open() || ::write(fd.get(), value.data(), value.size()) < 0) {
    return fail(system_error(errno, fmt::format("writing '{}' to {}", value, path.string())));
  }
  return {};
}

Result<void> make_cgroup(const fs::path& path) {
  if (::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) return {};
  return fail(system_error(errno, "making the cgroup " + path.string()));
}

std::vector<pid_t> processes_in(const fs::path& directory) {
  std::vector<pid_t> pids;
  const Result<std::string> text = read_file(directory / "cgroup.procs", 16 << 20);
  if (!text) return pids;
  std::istringstream lines(*text);
  for (pid_t pid = 0; lines >> pid;) pids.push_back(pid);
  return pids;
}

/// Ends what is in there; what forks meanwhile is ended in the next round.
Result<void> empty_cgroup(const fs::path& directory) {
  for (int round = 0; round < 500; ++round) {
    const std::vector<pid_t> pids = processes_in(directory);
    if (pids.empty()) return {};
    for (const pid_t pid : pids) ::kill(pid, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds(4));
  }
  return fail(ErrorCode::Timeout, "processes in " + directory.string() + " do not end");
}

Result<void> remove_cgroup(const fs::path& directory) {
  if (::access(directory.c_str(), F_OK) != 0) return {};
  TRY(empty_cgroup(directory));
  // The kernel lets go of a cgroup a moment after its last process.
  for (int round = 0; ::rmdir(directory.c_str()) != 0 && errno != ENOENT; ++round) {
    if (errno != EBUSY || round == 250) {
      return fail(system_error(errno, "removing the cgroup " + directory.string()));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(4));
  }
  return {};
}

/// Of those that live, and of their children that ended and were waited for.
double cpu_seconds_of(const std::vector<pid_t>& pids) {
  double ticks = 0;
  for (const pid_t pid : pids) {
    const Result<std::string> text = read_file(fmt::format("/proc/{}/stat", pid), 4096);
    if (!text) continue;  // it ended meanwhile
    // From the third field on: what stands before may hold anything.
    std::istringstream fields(text->substr(std::min(text->rfind(')') + 1, text->size())));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    double time = 0;
    for (int i = 0; i < 4 && fields >> time; ++i) ticks += time;
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return parts;
}

Result<void> limit_v1(const std::string& controller, const fs::path& directory,
                      const ResourceLimits& limits) {
  if (controller == "pids")
    return write_control(directory / "pids.max", std::to_string(limits.pids));
  if (controller == "cpu") {
    TRY(write_control(directory / "cpu.cfs_period_us", std::to_string(kPeriod)));
    return write_control(directory / "cpu.cfs_quota_us",
                         std::to_string(limits.cpu_millis * kPeriod / 1000));
  }
  const std::string bytes = std::to_string(limits.memory_bytes);
  const fs::path with_swap = directory / "memory.memsw.limit_in_bytes";
  const bool counts_swap = ::access(with_swap.c_str(), W_OK) == 0;
  if (counts_swap) {  // it may never be below the limit without swap
    TRY(write_control(with_swap, "-1"));
  }
  TRY(write_control(directory / "memory.limit_in_bytes", bytes));
  if (counts_swap) {
    TRY(write_control(with_swap, bytes));
  }
  return {};
}

Result<void> limit_v2(const std::string& controller, const fs::path& directory,
                      const ResourceLimits& limits) {
  if (controller == "pids")
    return write_control(directory / "pids.max", std::to_string(limits.pids));
  if (controller == "cpu") {
    return write_control(directory / "cpu.max",
                         fmt::format("{} {}", limits.cpu_millis * kPeriod / 1000, kPeriod));
  }
  TRY(write_control(directory / "memory.max", std::to_string(limits.memory_bytes)));
  if (::access((directory / "memory.swap.max").c_str(), W_OK) == 0) {
    TRY(write_control(directory / "memory.swap.max", "0"));
  }
  // Without this the kernel may end one helper of an app and leave the rest half alive; the
  // supervisor starts it whole.
  if (::access((directory / "memory.oom.group").c_str(), W_OK) == 0) {
    TRY(write_control(directory / "memory.oom.group", "1"));
  }
  return {};
}

/// Lets the children of a v2 cgroup be limited by those of our controllers that it has.
Result<void> enable_controllers(const fs::path& directory) {
  TRY_ASSIGN(const std::string available, read_file(directory / "cgroup.controllers", 4096));
  const std::vector<std::string> words =
      split(std::string_view(available).substr(0, available.find('\n')), ' ');
  std::string wanted;
  for (const std::string& word : words) {
    if (std::find(kControllers.begin(), kControllers.end(), word) != kControllers.end())
      wanted += fmt::format("{}+{}", wanted.empty() ? "" : " ", word);
  }
  if (wanted.empty()) return {};
  // In one write, which works as a whole or not at all: cpu and pids alone are enabled even beside
  // processes, and every cgroup below is then one that no process can enter.
  return write_control(directory / "cgroup.subtree_control", wanted);
}

const char* limit_file(std::string_view controller, bool is_v2) {
  if (controller == "memory") return is_v2 ? "memory.max" : "memory.limit_in_bytes";
  if (controller == "cpu") return is_v2 ? "cpu.max" : "cpu.cfs_quota_us";
  return "pids.max";
}

}  // namespace

Cgroups Cgroups::detect(const std::string& name, const std::string& parent_v2) {
  Cgroups cgroups;
  struct statfs status{};
  cgroups.is_v2_ = ::statfs("/sys/fs/cgroup", &status) == 0 && status.f_type == kCgroup2Magic;
  if (cgroups.is_v2_) {
    cgroups.detect_v2(name, parent_v2);
  } else {
    cgroups.detect_v1(name);
  }
  return cgroups;
}

/// The first thing that goes wrong is why the rest does; what is enabled in the end decides.
Result<void> Cgroups::make_common_v2() const {
  Result<void> made;
  const auto attempt = [&made](Result<void> step) {
    if (made) made = std::move(step);
  };
  const fs::path& own = common_.front();
  const fs::path common = own.parent_path();
  attempt(enable_controllers(common.parent_path()));
  attempt(make_cgroup(common));
  attempt(enable_controllers(common));
  attempt(make_cgroup(own));
  attempt(enable_controllers(own));
  return made;
}

void Cgroups::detect_v2(const std::string& name, const std::string& parent) {
  const fs::path own = fs::path(parent.empty() ? kDefaultParent : parent) / name;
  common_.push_back(own);
  if (parent.empty()) common_.emplace_back(kDefaultParent);  // one that was named is the operator's
  const Result<void> made = make_common_v2();
  const Result<std::string> usable = read_file(own / "cgroup.subtree_control", 4096);
  const std::vector<std::string> enabled =
      usable ? split(std::string_view(*usable).substr(0, usable->find('\n')), ' ')
             : std::vector<std::string>{};
  for (const std::string_view controller : kControllers) {
    if (std::find(enabled.begin(), enabled.end(), controller) != enabled.end()) {
      parents_[std::string(controller)] = own;
      continue;
    }
    const std::string why =
        fmt::format("the cgroup v2 controller '{}' cannot be enabled in {}{}{}", controller,
                    own.string(), made ? "" : ": ", made ? "" : made.error().describe());
    missing_.push_back({std::string(controller), why});
  }
}

void Cgroups::detect_v1(const std::string& name) {
  const Result<std::string> mountinfo = read_file("/proc/self/mountinfo", 16 << 20);
  const Result<std::string> own = read_file("/proc/self/cgroup", 1 << 20);
  const std::map<std::string, fs::path> mounts =
      cgroup_v1_mounts(mountinfo ? *mountinfo : std::string());
  std::map<std::string, std::string> paths = cgroup_paths(own ? *own : std::string());
  for (const std::string_view controller : kControllers) {
    const std::string key(controller);
    const auto mount = mounts.find(key);
    if (mount == mounts.end()) {
      missing_.push_back({key, fmt::format("no cgroup controller '{}' is mounted", controller)});
      continue;
    }
    // In a container, our path may be one of the host's that is not mounted here.
    fs::path base = mount->second / fs::path(paths[key]).relative_path();
    if (::access(base.c_str(), F_OK) != 0) base = mount->second;
    const fs::path parent = base / fmt::format("croft-{}", name);
    const Result<void> made = make_cgroup(parent);
    common_.push_back(parent);
    if (made && ::access((parent / limit_file(controller, false)).c_str(), W_OK) == 0) {
      parents_[key] = parent;
    } else {
      missing_.push_back({key, made ? fmt::format("{} takes no limits", parent.string())
                                    : made.error().describe()});
    }
  }
}

std::vector<fs::path> Cgroups::directories_of(const std::string& uid) const {
  std::set<fs::path> directories;  // controllers may share a hierarchy
  for (const auto& [controller, parent] : parents_) directories.insert(parent / uid);
  return {directories.begin(), directories.end()};
}

Result<AppCgroup> Cgroups::prepare(const std::string& uid, const ResourceLimits& limits) const {
  AppCgroup cgroup;
  cgroup.directories = directories_of(uid);
  for (const fs::path& directory : cgroup.directories) {
    // Another Croft of the same data, on its way out, may have tidied up since detect(): then it is
    // made again, and a new v2 cgroup limits nothing below it until it is told to.
    if (is_v2_) (void)make_common_v2();
    TRY(make_cgroup(directory.parent_path()));
    TRY(make_cgroup(directory));
    TRY(empty_cgroup(directory));
  }
  for (const auto& [controller, parent] : parents_) {
    TRY((is_v2_ ? limit_v2 : limit_v1)(controller, parent / uid, limits));
  }
  const auto memory = parents_.find("memory");
  if (memory != parents_.end()) {
    cgroup.oom_counter = memory->second / uid / (is_v2_ ? "memory.events" : "memory.oom_control");
  }
  return cgroup;
}

void Cgroups::tidy() const {
  for (const fs::path& directory : common_) ::rmdir(directory.c_str());
}

std::optional<Use> Cgroups::use_of(const std::string& uid) const {
  const std::vector<fs::path> directories = directories_of(uid);
  if (directories.empty()) return std::nullopt;
  const std::vector<pid_t> pids = processes_in(directories.front());
  if (pids.empty()) return std::nullopt;
  Use use;
  use.uid = uid;
  use.processes = static_cast<std::int64_t>(pids.size());
  CgroupUse seen;
  for (const fs::path& directory : directories) add_cgroup_use(directory, seen);
  use.cpu_seconds = seen.cpu_seconds;
  use.memory = seen.memory;
  use.memory_limit = seen.memory_limit;
  if (!use.cpu_seconds) use.cpu_seconds = cpu_seconds_of(pids);
  return use;
}

Result<void> Cgroups::remove(const std::string& uid,
                             const std::vector<std::string>& elsewhere) const {
  const std::vector<fs::path> own = directories_of(uid);
  for (const fs::path& directory : own) {
    TRY(remove_cgroup(directory));
  }
  for (const std::string& name : elsewhere) {
    const fs::path directory = name;
    if (std::find(own.begin(), own.end(), directory) != own.end()) continue;
    TRY(remove_cgroup(directory));
    ::rmdir(directory.parent_path().c_str());  // after the last app
  }
  return {};
}

}  // namespace croft
