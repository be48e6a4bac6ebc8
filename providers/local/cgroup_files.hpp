#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace croft {

// What the kernel's cgroup files say, of v1 hierarchies and of v2 alike. All but the pure functions
// block.

/// Pure: the mount point of each v1 controller in the text of /proc/self/mountinfo.
std::map<std::string, std::filesystem::path> cgroup_v1_mounts(std::string_view mountinfo);
/// Pure: the mount point of the v2 hierarchy in that text, if there is one.
std::optional<std::filesystem::path> cgroup_v2_mount(std::string_view mountinfo);
/// Pure: a process's path in each hierarchy, from the text of its /proc/PID/cgroup: by v1
/// controller, and by "" in v2.
std::map<std::string, std::string> cgroup_paths(std::string_view text);

/// What the processes of a cgroup use, as far as its files say.
struct CgroupUse {
  std::optional<double> cpu_seconds;         ///< processor time used in all
  std::optional<std::int64_t> memory;        ///< bytes
  std::optional<std::int64_t> memory_limit;  ///< bytes
  std::optional<std::int64_t> processes;
};

/// Adds processor time, and memory without what the kernel could drop at once (pages of files that
/// nobody used lately), and its limit: what `use` does not have yet and this directory has files
/// for.
void add_cgroup_use(const std::filesystem::path& directory, CgroupUse& use);

/// The cgroups of what something else than Croft runs, found by one of its processes.
class CgroupReader {
 public:
  /// `root` stands for "/": tests have trees of files there.
  explicit CgroupReader(std::filesystem::path root = "/");

  /// What all processes use that are in the cgroup which that process is in, or is below, and which
  /// has `name` in the last part of its path. Nothing if it is in none: it
  /// ended, its number is another's by now, or its cgroup is not to be seen from here.
  std::optional<CgroupUse> use_of(int process, std::string_view name) const;

 private:
  std::filesystem::path root_;
  std::map<std::string, std::filesystem::path> v1_;  ///< by controller
  std::optional<std::filesystem::path> v2_;
};

}  // namespace croft
