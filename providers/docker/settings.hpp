#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/secret.hpp"
#include "core/base/units.hpp"
#include "core/base/value.hpp"
#include "core/secret/operator_secrets.hpp"

namespace croft::docker {

/// Of the networks that are made: room for some 60 containers.
inline constexpr int kSubnetLength = 26;

/// What the operator decides about a `docker` provider. `data` and `name` come from Croft, the rest
/// from the settings of the Provider, where each has the name in front.
struct ProviderSettings {
  enum class Isolation {
    Full,  ///< what this machine cannot enforce is refused
    None,  ///< containers run even where the packet filter cannot be set
  };

  std::filesystem::path data;  ///< a directory of its own: DATA/docker/NAME
  std::string name;            ///< of the Provider; what others made is never touched

  std::string host = "unix:///var/run/docker.sock";  ///< host: or tcp://HOST:PORT
  std::string ca_file;  ///< caFile, certFile, keyFile: PEM files for tcp
  std::string cert_file;
  std::string key_file;
  Isolation isolation = Isolation::Full;    ///< isolation: full | none
  Bytes layer_size{0};                      ///< layerSize: what a container writes beside volumes;
                                            ///< 0: as much as the disk holds
  Bytes log_size{10 << 20};                 ///< logSize: of one log file
  int log_files = 3;                        ///< logFiles
  std::string ipv4_pool = "10.214.0.0/16";  ///< ipv4Pool: each network gets a /26 of it
  std::vector<std::string> resolvers;     ///< resolvers, comma separated; empty: those of the host
  std::vector<std::string> egress_allow;  ///< egressAllow: networks that containers may reach
                                          ///< besides the outside
  std::vector<std::string> egress_deny;   ///< egressDeny: networks of the outside that they may not
  /// defaultUlimits: "nofile=1024:4096,nproc=4096:4096"; of containers that say nothing else.
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> default_ulimits;
  /// registries, comma separated: images come from these alone ("docker.io",
  /// "registry.example.com:5000"); empty: from all that are at addresses of the outside.
  std::vector<std::string> registries;
  bool has_local_images = false;         ///< localImages: allow | deny, of what is here and at no
                                         ///< registry
  bool can_build = true;                 ///< builds: allow | deny
  Bytes build_memory{1 << 30};           ///< buildMemory: of each step of a build
  std::int64_t build_cpu_millis = 1000;  ///< buildCpu
  std::int64_t build_processes = 1024;   ///< buildProcesses: of each step of a build, all together
  Duration build_timeout{900'000};       ///< buildTimeout: of a whole build
  int builds_at_once = 2;                ///< buildsAtOnce: of all tenants; of one tenant, one
  Duration pull_timeout{900'000};        ///< pullTimeout: of a whole pull
  Duration image_check_every{300'000};   ///< imageCheckEvery: looks whether tags moved; 0: never
  Duration measure_every{
      60'000};  ///< measureEvery: measures volumes, looks after the packet filter
  /// credentials: {secret: NAME}, a file as docker login writes it: {"auths": {SERVER: {"auth":
  /// BASE64 of USER:PASSWORD}}}.
  struct Login {
    std::string user;
    Secret<std::string> password;
  };
  std::map<std::string, Login> logins;  ///< by registry, "registry.example.com:5000"

  /// True for a unix socket: files can be bound, the packet filter set, volumes measured.
  bool is_local() const { return host.starts_with("unix://"); }
};

/// Reads the spec of a Provider of adapter `docker`. Unknown settings are Invalid, as are
/// credentials that are no `auths`.
Result<ProviderSettings> parse_settings(const Value& provider_spec, std::string name,
                                        std::filesystem::path data,
                                        const secret::OperatorSecrets& secrets);

/// What clear() needs of them, kept in their data directory for when no platform repository is
/// read.
Result<void> remember_settings(const ProviderSettings& settings);
Result<ProviderSettings> remembered_settings(const std::filesystem::path& data);

/// Pure: the logins of a Docker client's configuration file.
Result<std::map<std::string, ProviderSettings::Login>> parse_logins(std::string_view json);

}  // namespace croft::docker
