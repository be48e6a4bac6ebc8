#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "cli/doctor/finding.hpp"
#include "core/base/result.hpp"
#include "core/base/settings.hpp"

namespace croft::cli {

/// How much room a file system has.
struct Room {
  std::uint64_t bytes = 0;
  std::uint64_t free_bytes = 0;  ///< for Croft's user
  std::uint64_t inodes = 0;      ///< 0: it counts none
  std::uint64_t free_inodes = 0;
};
/// Of the file system that holds it.
Result<Room> room_of(const std::filesystem::path& directory);

void judge_room(const Room& room, const std::string& directory, Findings& findings);

/// The data directory (whose it is, who may write there), its disk, and the files of secrets.
/// Blocks.
void check_places(const Settings& settings, std::vector<Finding>& findings);

/// The store of the settings, whoever uses it. Blocks.
void check_store(const Settings& settings, std::vector<Finding>& findings);

}  // namespace croft::cli
