#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/units.hpp"
#include "core/base/value.hpp"

namespace croft {

/// What the operator decides about a `process` provider. `data` and `shim` come from Croft, the
/// rest from the settings of the Provider, where each has the name that parse_process_settings
/// says.
struct ProcessSettings {
  enum class Isolation {
    Full,  ///< what the machine cannot enforce is refused
    None,  ///< commands run without a sandbox; limits where the machine can
  };

  enum class Volumes {
    Image,      ///< each a file system of its size in a file, where the machine can
    Directory,  ///< plain directories, which are measured
  };

  std::filesystem::path data;  ///< a directory of its own: DATA/process
  std::filesystem::path shim;  ///< the croft-shim executable; empty: beside the running program, or
                               ///< in ../libexec/croft
  Isolation isolation = Isolation::Full;  ///< isolation: full | none
  Volumes volumes = Volumes::Image;       ///< volumes: image | directory
  std::string bubblewrap;                 ///< bubblewrap: path; empty: looked for in PATH
  std::int64_t first_uid = 200'000;       ///< firstUid: host uids are this plus the tenant's number
  std::string cgroup_parent;  ///< cgroupParent: a cgroup v2 directory; empty: /sys/fs/cgroup/croft
  Bytes log_size{1 << 20};    ///< logSize: of one log file
  int log_files = 4;          ///< logFiles
  Duration backoff_first{
      1'000};  ///< backoffFirst: pause before an ended app is tried again; doubles
  Duration backoff_limit{300'000};  ///< backoffLimit
  Duration stable_after{
      60'000};  ///< stableAfter: a run this long starts the pauses from the first again
  Duration measure_every{
      60'000};  ///< measureEvery: how often volumes are measured and networks looked after
  std::string ipv4_pool = "10.213.0.0/16";  ///< ipv4Pool: apps with egress get a /30 each of it
  std::string ipv6_pool;  ///< ipv6Pool: /126 each; empty: a unique local prefix made from `data`
  std::vector<std::string> resolvers;  ///< resolvers, comma separated; empty: those of the host
  std::vector<std::string>
      egress_allow;  ///< egressAllow: networks that apps with egress may reach besides the outside
  std::vector<std::string> egress_deny;  ///< egressDeny: networks of the outside that they may not
  std::optional<unsigned> gateway_uid;   ///< gatewayUid: the edge's user, if it is not ours
  std::optional<unsigned> gateway_gid;   ///< gatewayGid
};

/// Reads the settings of a Provider of adapter `process`: a map of texts. Unknown names are
/// Invalid.
Result<ProcessSettings> parse_process_settings(const Value& settings, std::filesystem::path data);

/// The host uid (and gid) that a tenant's apps run as.
std::int64_t host_uid(const ProcessSettings& settings, std::int64_t tenant_number);

/// Where croft-shim is; NotFound if it is nowhere.
Result<std::filesystem::path> find_shim(const ProcessSettings& settings);

}  // namespace croft
