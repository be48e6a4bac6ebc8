#pragma once

#include <chrono>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/files.hpp"
#include "core/base/result.hpp"
#include "providers/local/checkout.hpp"
#include "providers/process/cgroup.hpp"
#include "providers/process/layout.hpp"
#include "providers/process/machine.hpp"
#include "providers/process/network.hpp"
#include "providers/process/record.hpp"
#include "providers/process/settings.hpp"
#include "providers/process/shim/wire.hpp"

namespace croft {

/// What is there of one app, seen without changing anything.
struct AppSight {
  std::optional<AppRecord> record;
  bool is_alive = false;            ///< its shim lives
  std::optional<shim::Line> state;  ///< what the shim told last, in this life or the one before
};

/// The steps on this machine that make and unmake an app. Each may be repeated, and may be the last
/// before a crash: the record is written before anything else exists, and goes after everything
/// else is gone. Blocks; thread safe, for different apps.
class Launcher {
 public:
  Launcher(ProcessSettings settings, ProcessLayout layout, Machine machine,
           std::filesystem::path shim);
  /// Leaves no empty cgroup behind; apps go on.
  ~Launcher() { cgroups_.tidy(); }
  Launcher(const Launcher&) = delete;
  Launcher& operator=(const Launcher&) = delete;

  /// Makes the directories that everything else stands in.
  Result<void> prepare_root() const;

  /// Held while an app is changed. Conflict if another Croft holds it.
  Result<UniqueFd> lock(const std::string& uid) const;
  Result<AppSight> look(const std::string& uid) const;
  /// Every app that has a record.
  std::vector<std::string> list() const;
  /// What those that run use now; without `at`.
  std::vector<Use> use() const;
  bool can_measure() const { return cgroups_.can_measure(); }
  /// Those whose record is gone and whose data is kept, too.
  std::vector<std::string> list_data() const;

  /// The record that an effect asks for, with numbers for network and port taken. Conflict if the
  /// app's data is another tenant's; Invalid if something that it needs cannot be enforced here.
  Result<AppRecord> plan(const Effect& effect, const std::optional<AppRecord>& before);
  /// Puts the app's files in place.
  Result<void> check_out(const Effect& effect);
  /// Starts the shim, which holds everything ready and waits to be told to start. The record is on
  /// disk already.
  Result<void> spawn(const AppRecord& record, Duration deadline) const;
  /// Connects the app of that shim to the outside, if it may.
  Result<void> connect(const AppRecord& record, pid_t shim) const;
  /// After the shim has ended: what it leaves on the machine, but nothing on disk.
  Result<void> clear_runtime(const std::string& uid) const;
  /// After clear_runtime: the record and, if the data goes too, everything else.
  Result<void> forget(const std::string& uid, DataPolicy data) const;
  /// Removes what no record uses any more: files, and the packet filter.
  void sweep();
  /// Makes the packet filter say again what it should, if an app may need it.
  Result<void> repair_filter() const;
  /// Connects the app again if its cable is gone. Call it as for a change of the app, holding its
  /// lock.
  Result<void> repair_connection(const AppRecord& record, pid_t shim) const;

  const ProcessSettings& settings() const { return settings_; }
  const ProcessLayout& layout() const { return layout_; }
  /// Everything that cannot be enforced here.
  std::vector<Capabilities::Missing> missing() const;
  /// Why a workload is refused, or nothing.
  Result<void> check_enforceable(bool allow_egress) const;
  Checkouts& checkouts() { return checkouts_; }

 private:
  /// Holding the mutex.
  void pass_neighbours() const;
  Result<void> check_owner(const std::string& uid, std::int64_t number) const;
  Result<void> check_passable() const;
  Result<void> check_volumes_fit(const AppRecord& before, const Value& spec) const;
  Result<void> make_volumes(const AppRecord& record) const;
  Result<void> make_volume(const AppRecord& record, const Value& volume) const;
  Result<void> unmount_volumes(const std::string& uid) const;

  ProcessSettings settings_;
  ProcessLayout layout_;
  Machine machine_;
  std::filesystem::path shim_;
  Cgroups cgroups_;
  Networks networks_;
  Checkouts checkouts_;
  /// Taken to make or remove the packet filter. An app's record is on disk before its connection is
  /// made, so that who removes the filter of the last one, holding this, sees the next one.
  mutable std::mutex filter_mutex_;
  mutable bool may_have_filter_ = true;
  /// When other firewalls were last looked at.
  mutable std::chrono::steady_clock::time_point neighbours_passed_;
};

}  // namespace croft
