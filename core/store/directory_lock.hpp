#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/base/files.hpp"
#include "core/base/result.hpp"

namespace croft {

/// One daemon a directory: flock(2) on DIRECTORY/croft.lock, which holds the pid of its owner. The
/// kernel drops the lock when the process ends, however it ends; the file stays. A pid left in it
/// by an owner that is gone tells that it was killed or lost its power.
class DirectoryLock {
 public:
  /// Conflict naming the pid if somebody else holds it, in this process or another.
  static Result<DirectoryLock> take(const std::filesystem::path& directory);

  /// The pid of whoever holds it now, for people; nullopt if nobody does.
  static std::optional<std::string> find_owner(const std::filesystem::path& directory);

  DirectoryLock(DirectoryLock&&) noexcept = default;
  DirectoryLock& operator=(DirectoryLock&&) = delete;
  /// Takes the pid out of the file: a clean end.
  ~DirectoryLock();

  /// True if the owner before did not end cleanly.
  bool was_left_behind() const { return was_left_behind_; }

 private:
  DirectoryLock(UniqueFd file, bool was_left_behind)
      : file_(std::move(file)), was_left_behind_(was_left_behind) {}

  UniqueFd file_;
  bool was_left_behind_ = false;
};

}  // namespace croft
