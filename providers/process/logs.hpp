#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <sys/types.h>

#include "core/base/files.hpp"
#include "core/base/result.hpp"

namespace croft {

/// Reads an app's log files (see shim/log_file.hpp) from the last lines on, and on through
/// rotations. Blocks briefly.
class LogReader {
 public:
  /// NotFound if there is no such directory.
  static Result<LogReader> open(std::filesystem::path directory);

  /// The last lines that are there, and from then on more() gives what follows them.
  std::string last_lines(int count);
  /// Whole lines that were written since; empty if there are none. A line that is longer than 64
  /// KiB comes in parts.
  std::string more();

 private:
  explicit LogReader(std::filesystem::path directory) : directory_(std::move(directory)) {}
  std::filesystem::path name(int number) const;
  std::string read_rest();
  bool move_on();

  std::filesystem::path directory_;
  UniqueFd file_;
  ino_t inode_ = 0;
  std::uint64_t offset_ = 0;
  std::string partial_;
};

}  // namespace croft
