#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "providers/port/provider.hpp"

namespace croft {

/// What one app may use.
struct ResourceLimits {
  std::int64_t cpu_millis = 250;
  std::int64_t memory_bytes = 128 << 20;
  std::int64_t pids = 128;
};

/// Where an app's processes go.
struct AppCgroup {
  std::vector<std::filesystem::path> directories;  ///< to be joined, each by its `cgroup.procs`
  std::filesystem::path oom_counter;               ///< a file with a line "oom_kill N", or empty
};

/// Directories of our own in the machine's cgroup hierarchies, v2 or v1, found at run time. What is
/// mounted is left as it is. Blocks; thread safe after detect().
class Cgroups {
 public:
  /// Looks what the machine has and makes the common parent directory `name`. In v1 it is below our
  /// own cgroup; in v2, where a cgroup with processes cannot have limited children, at the top or
  /// at `parent_v2`.
  static Cgroups detect(const std::string& name, const std::string& parent_v2);

  /// "memory", "cpu", "pids", as far as they cannot be limited here.
  const std::vector<Capabilities::Missing>& missing() const { return missing_; }
  bool is_v2() const { return is_v2_; }
  /// Whether use_of() can say anything.
  bool can_measure() const { return !parents_.empty(); }

  /// Makes or changes the app's cgroup, empty of processes of earlier runs.
  Result<AppCgroup> prepare(const std::string& uid, const ResourceLimits& limits) const;
  /// What the app's processes use now; without `at`. Nothing if none is in its cgroup. Processor
  /// time is that of the cgroup, or where there is no counter (v1 without cpuacct) of the processes
  /// that live.
  std::optional<Use> use_of(const std::string& uid) const;
  /// Ends what is left in it and removes it; absent is success. So it does with the directories
  /// `elsewhere` that the app was put into: under another cgroupParent than ours.
  Result<void> remove(const std::string& uid, const std::vector<std::string>& elsewhere = {}) const;
  /// Removes what detect() made if no app has a cgroup in it; prepare() makes it again.
  void tidy() const;

 private:
  std::vector<std::filesystem::path> directories_of(const std::string& uid) const;
  Result<void> make_common_v2() const;
  void detect_v2(const std::string& name, const std::string& parent);
  void detect_v1(const std::string& name);

  bool is_v2_ = false;
  std::map<std::string, std::filesystem::path>
      parents_;  ///< by controller: the directory that holds one for each app
  std::vector<std::filesystem::path> common_;  ///< all that detect() made, the innermost first
  std::vector<Capabilities::Missing> missing_;
};

}  // namespace croft
