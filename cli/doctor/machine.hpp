#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/doctor/finding.hpp"
#include "providers/port/provider.hpp"

namespace croft::cli {

/// What providers need of this machine.
struct MachineFacts {
  std::vector<Capabilities::Missing> missing;        ///< of what the process provider wants
  int cgroups = 2;                                   ///< their version
  std::optional<std::string> controllers;            ///< of cgroups; none: there are no cgroups
  std::optional<std::int64_t> forwards;              ///< net.ipv4.ip_forward
  std::optional<std::int64_t> watches;               ///< fs.inotify.max_user_watches
  std::optional<std::int64_t> watch_instances;       ///< fs.inotify.max_user_instances
  std::uint64_t open_files = 0;                      ///< that a process may have at most
  std::vector<std::string> missing_programs;         ///< of those that sources are fetched with
  std::vector<std::string> missing_verifiers;        ///< of those that check signatures
  bool needs_ssh = false;                            ///< the repository that is served is at ssh://
  std::optional<std::filesystem::path> known_hosts;  ///< where ssh finds host keys, if it does
  bool has_docker_socket = false;
  std::string docker;        ///< version of its engine, if it answers
  std::string docker_error;  ///< why it does not
};

/// Reads them; kernel files under `root` ("/"). Tries out what the process provider does: some
/// 50 ms.
MachineFacts read_machine(const std::filesystem::path& root, const std::string& repository);

void judge_machine(const MachineFacts& facts, std::vector<Finding>& findings);

}  // namespace croft::cli
