#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/import/service_reading.hpp"

// Limits, privileges, and what has no place in a Stack.

namespace croft::cli {

namespace {

constexpr std::int64_t kUsualShm = 64LL << 20;
constexpr std::int64_t kUsualPeriod = 100'000;
constexpr std::int64_t kNanosPerCore = 1'000'000'000;

/// As compose writes sizes: "64m", "1500000b".
std::string size_words(std::int64_t bytes) {
  constexpr std::array<std::pair<int, char>, 3> kUnits{{{30, 'g'}, {20, 'm'}, {10, 'k'}}};
  for (const auto& [shift, unit] : kUnits) {
    if (bytes % (1LL << shift) == 0) return fmt::format("{}{}", bytes >> shift, unit);
  }
  return fmt::format("{}b", bytes);
}

/// Thousandths of a core; 0: no limit.
std::int64_t cpu_millis(const Value& container) {
  const std::int64_t nanos = integer_at(container, {"HostConfig", "NanoCpus"});
  if (nanos > 0) return std::max<std::int64_t>(1, nanos / (kNanosPerCore / 1000));
  const std::int64_t quota = integer_at(container, {"HostConfig", "CpuQuota"});
  const std::int64_t period = integer_at(container, {"HostConfig", "CpuPeriod"});
  if (quota <= 0) return 0;
  return std::max<std::int64_t>(1, quota * 1000 / (period > 0 ? period : kUsualPeriod));
}

}  // namespace

void ServiceReading::read_limits() {
  const std::int64_t memory = integer_at(container_, {"HostConfig", "Memory"});
  const std::int64_t reserved = integer_at(container_, {"HostConfig", "MemoryReservation"});
  const std::int64_t pids = integer_at(container_, {"HostConfig", "PidsLimit"});
  const std::int64_t shm = integer_at(container_, {"HostConfig", "ShmSize"});
  const std::int64_t millis = cpu_millis(container_);
  if (memory > 0) set("mem_limit", Value(size_words(memory)));
  if (reserved > 0) set("mem_reservation", Value(size_words(reserved)));
  if (millis > 0) set("cpus", Value(fmt::format("{}.{:03}", millis / 1000, millis % 1000)));
  if (pids > 0) set("pids_limit", Value(pids));
  if (shm > 0 && shm != kUsualShm) set("shm_size", Value(size_words(shm)));
  made_.has_limits = memory > 0 && millis > 0;
  Value limits = Value::map();
  const Value& all = host("Ulimits");
  for (const Value& one : all.is_list() ? all.as_list() : Value::List{}) {
    limits.set(text_at(one, {"Name"}), Value::map({{"soft", Value(integer_at(one, {"Soft"}))},
                                                   {"hard", Value(integer_at(one, {"Hard"}))}}));
  }
  if (limits.size() > 0) set("ulimits", std::move(limits));
}

void ServiceReading::read_privileges() {
  if (truth_at(container_, {"HostConfig", "ReadonlyRootfs"})) set("read_only", Value(true));
  const bool is_privileged = truth_at(container_, {"HostConfig", "Privileged"});
  if (is_privileged) {
    set("privileged", Value(true));
    privileges_.emplace_back("privileged");
  }
  if (!texts_at(container_, {"HostConfig", "CapAdd"}).empty()) privileges_.emplace_back("cap_add");
  set_texts("cap_add", "CapAdd");
  set_texts("cap_drop", "CapDrop");
  // The engine adds some of its own to those that have no walls at all.
  if (!is_privileged && !texts_at(container_, {"HostConfig", "SecurityOpt"}).empty()) {
    set_texts("security_opt", "SecurityOpt");
    privileges_.emplace_back("security_opt");
  }
  Value devices = Value::list();
  const Value& all = host("Devices");
  for (const Value& one : all.is_list() ? all.as_list() : Value::List{}) {
    devices.push_back(
        Value(fmt::format("{}:{}:{}", text_at(one, {"PathOnHost"}),
                          text_at(one, {"PathInContainer"}), text_at(one, {"CgroupPermissions"}))));
  }
  if (devices.size() > 0) {
    set("devices", std::move(devices));
    privileges_.emplace_back("devices");
  }
  const auto sysctls = pairs_at(container_, {"HostConfig", "Sysctls"});
  if (!sysctls.empty()) set("sysctls", to_map(sysctls));
}

void ServiceReading::read_namespaces() {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kModes{
      {{"PidMode", "pid"}, {"IpcMode", "ipc"}, {"UTSMode", "uts"}, {"UsernsMode", "userns_mode"}}};
  for (const auto& [key, field] : kModes) {
    const std::string mode = shared_mode(text_at(container_, {"HostConfig", key}));
    if (mode == "host") privileges_.push_back(fmt::format("{}: host", field));
    if (mode == "host" || mode.starts_with("service:")) set(std::string(field), Value(mode));
    if (mode.starts_with("container:"))
      note(fmt::format("'{}' of a container outside of the project is left out", field),
           "move that container into this file");
  }
  const std::string runtime = text_at(container_, {"HostConfig", "Runtime"});
  if (!runtime.empty() && runtime != "runc" && runtime != "io.containerd.runc.v2") {
    set("runtime", Value(runtime));
    privileges_.emplace_back("runtime");
  }
  if (privileges_.empty()) return;
  made_.notes.push_back(
      {fmt::format("service '{}'", made_.name),
       fmt::format("{}: loosens the walls around it", fmt::join(privileges_, ", ")),
       "remove it, or let the operator allow it (`containers` of Plan and Tenant)", false});
}

void ServiceReading::note_what_is_lost() {
  struct Lost {
    std::string_view key;
    std::string_view word;
    std::string_view advice;
  };
  constexpr std::array<Lost, 7> kLost{
      {{"CpuShares", "cpu_shares", "write `cpus`"},
       {"CpusetCpus", "cpuset", "write `cpus`"},
       {"OomScoreAdj", "oom_score_adj", "raise `mem_limit`"},
       {"OomKillDisable", "oom_kill_disable", "raise `mem_limit`"},
       {"CgroupParent", "cgroup_parent", "limits are written in the file"},
       {"StorageOpt", "storage_opt", "put what grows on a volume with a size"},
       {"DeviceRequests", "gpus", "there are no GPUs"}}};
  for (const Lost& lost : kLost) {
    const Value& value = host(lost.key);
    const bool is_set = (value.is_integer() && value.as_integer() != 0) ||
                        (value.is_boolean() && value.as_boolean()) ||
                        (value.is_text() && !value.as_text().empty()) || value.size() > 0;
    if (is_set) note(fmt::format("'{}' is left out", lost.word), std::string(lost.advice));
  }
  const std::int64_t swap = integer_at(container_, {"HostConfig", "MemorySwap"});
  const std::int64_t memory = integer_at(container_, {"HostConfig", "Memory"});
  if (swap != 0 && swap != memory && swap != 2 * memory)
    note("'memswap_limit' is left out", "there is no swap beside `mem_limit`");
  const std::string driver = text_at(container_, {"HostConfig", "LogConfig", "Type"});
  if (driver != "json-file" && driver != "local" && !driver.empty())
    note(fmt::format("the log driver '{}' is left out", driver), "`croft logs` shows its output");
}

}  // namespace croft::cli
