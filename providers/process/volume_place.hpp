#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "core/base/result.hpp"
#include "providers/process/layout.hpp"

namespace croft {

/// Where a volume can be read and written for a time, whether its app runs or not. One whose app
/// does not run is mounted for that at a place of its own, so that the app may start meanwhile, and
/// taken away at the end. Blocks.
class VolumePlace {
 public:
  /// NotFound if the app has no such volume. Call it holding the app's lock.
  static Result<VolumePlace> reach(const ProcessLayout& layout, const std::string& uid,
                                   const std::string& volume);
  VolumePlace(VolumePlace&& other) noexcept
      : path_(std::move(other.path_)),
        is_mounted_(std::exchange(other.is_mounted_, false)),
        is_image_(other.is_image_) {}
  VolumePlace& operator=(VolumePlace&&) = delete;
  VolumePlace(const VolumePlace&) = delete;
  VolumePlace& operator=(const VolumePlace&) = delete;
  ~VolumePlace();

  const std::filesystem::path& path() const { return path_; }
  /// True if it is a file system of its own, which holds no more than it may.
  bool is_image() const { return is_image_; }

 private:
  VolumePlace(std::filesystem::path path, bool is_mounted, bool is_image)
      : path_(std::move(path)), is_mounted_(is_mounted), is_image_(is_image) {}
  std::filesystem::path path_;
  bool is_mounted_ = false;
  bool is_image_ = false;
};

/// Takes away what a Croft that ended amid a transfer left mounted. What is still being read
/// through an open directory can be read on.
Result<void> clear_transfers(const ProcessLayout& layout, const std::string& uid);

}  // namespace croft
