#include "providers/process/volume_place.hpp"

#include <atomic>
#include <unistd.h>

#include <fmt/format.h>

#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "providers/process/volume_image.hpp"

namespace croft {

namespace fs = std::filesystem;

Result<VolumePlace> VolumePlace::reach(const ProcessLayout& layout, const std::string& uid,
                                       const std::string& volume) {
  static std::atomic<unsigned> transfers{0};
  const auto is_there = [](const fs::path& what) { return ::access(what.c_str(), F_OK) == 0; };
  const bool is_named = is_safe_uid(uid) && is_safe_uid(volume);
  const fs::path usual = is_named ? layout.volume(uid, volume) : fs::path();
  const bool is_image = is_named && is_there(layout.image(uid, volume));
  if (!is_image && (!is_named || !is_there(usual)))
    return fail(ErrorCode::NotFound, fmt::format("there is no volume '{}'", volume));
  if (!is_image || volume_image::is_mounted(usual)) return VolumePlace(usual, false, is_image);
  const fs::path place = layout.transfers(uid) / fmt::format("{}.{}", volume, ++transfers);
  TRY(make_directory(layout.transfers(uid), 0700));
  TRY(while_doing(volume_image::mount(layout.image(uid, volume), place),
                  fmt::format("reaching the volume '{}'", volume)));
  return VolumePlace(place, true, true);
}

VolumePlace::~VolumePlace() {
  if (!is_mounted_) return;
  const Result<void> done = volume_image::unmount(path_);
  if (!done)
    log_warning("process", "a volume stays mounted for a while",
                {{"what", done.error().describe()}});
}

Result<void> clear_transfers(const ProcessLayout& layout, const std::string& uid) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(layout.transfers(uid), error)) {
    TRY(volume_image::unmount(entry.path()));
  }
  ::rmdir(layout.transfers(uid).c_str());
  return {};
}

}  // namespace croft
