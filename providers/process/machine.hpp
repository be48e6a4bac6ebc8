#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "providers/port/provider.hpp"
#include "providers/process/settings.hpp"

namespace croft {

/// What this machine has for sandboxes, found once when the provider is made.
struct Machine {
  std::filesystem::path bubblewrap;
  bool is_root = false;
  bool can_mount_volumes = false;            ///< else they are plain directories, and only measured
  bool can_disable_user_namespaces = false;  ///< bubblewrap knows --disable-userns
  /// Of /bin, /sbin, /lib, ...: those that are links, with where they lead, and those that are
  /// directories (empty).
  std::vector<std::pair<std::string, std::string>> system_directories;
  std::vector<std::string>
      etc_files;  ///< files and directories of /etc that hold no secret and that programs want
  std::vector<std::string> resolvers;  ///< name servers that an app can reach through the network
  /// "namespaces", "user", "network", "egress", "storage": what does not work, and why.
  std::vector<Capabilities::Missing> missing;
};

/// Tries things out: runs bubblewrap once as an unprivileged user, mounts a small image. Blocks for
/// some 50 ms.
Machine inspect_machine(const ProcessSettings& settings);

}  // namespace croft
