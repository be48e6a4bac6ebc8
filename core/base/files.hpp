#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/result.hpp"

namespace croft {

/// A file descriptor that closes itself. Move only.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

/// The Error for a failed system call: errno's meaning as code, `what` as "opening /x/y".
Error system_error(int error_number, std::string what);

/// The whole file; Invalid if it is larger than the limit.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit);

enum class Durability {
  None,  ///< may be lost on power failure; never half written
  Full,  ///< file and directory are synced before the call returns
};

/// Replaces the file in one step: readers see the old or the new content, never a mixture.
Result<void> write_file_atomic(const std::filesystem::path& path, std::string_view content,
                               unsigned mode, Durability durability = Durability::None);

/// Makes the directory and its parents; the mode is for the last one.
Result<void> make_directory(const std::filesystem::path& path, unsigned mode);

/// Removes a tree; absent is success. Does not follow links.
Result<void> remove_tree(const std::filesystem::path& path);

/// A directory of its own that is removed with its content at the end.
class TemporaryDirectory {
 public:
  static Result<TemporaryDirectory> make(std::string_view prefix);
  TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryDirectory& operator=(TemporaryDirectory&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  const std::filesystem::path& path() const { return path_; }

 private:
  explicit TemporaryDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace croft
