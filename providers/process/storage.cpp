#include "providers/process/storage.hpp"

#include <array>
#include <fts.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include "core/base/units.hpp"
#include "providers/process/volume_image.hpp"

namespace croft {

std::uint64_t measure_directory(const std::filesystem::path& directory) {
  std::string path = directory.string();
  std::array<char*, 2> roots{path.data(), nullptr};
  FTS* walk = ::fts_open(roots.data(), FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, nullptr);
  if (walk == nullptr) return 0;
  std::uint64_t bytes = 0;
  while (const FTSENT* entry = ::fts_read(walk)) {
    const bool counts =
        entry->fts_info == FTS_D || entry->fts_info == FTS_F || entry->fts_info == FTS_SL;
    if (!counts) continue;
    const struct stat& status = *entry->fts_statp;
    // A file of several names counts once for all of them.
    const std::uint64_t names =
        entry->fts_info == FTS_F && status.st_nlink > 0 ? status.st_nlink : 1;
    bytes += static_cast<std::uint64_t>(status.st_blocks) * 512 / names;
  }
  ::fts_close(walk);
  return bytes;
}

namespace {

void look_at_volume(const std::filesystem::path& place, const std::string& name, std::int64_t size,
                    StorageSight& sight) {
  const bool is_image = volume_image::is_mounted(place);
  const std::int64_t used = is_image ? volume_image::used_bytes(place)
                                     : static_cast<std::int64_t>(measure_directory(place));
  sight.bytes += used;
  if (size <= 0 || !sight.excess.empty()) return;
  if (is_image && volume_image::is_full(place)) {
    sight.excess = fmt::format("volume '{}' is full: {}", name, format_bytes(Bytes{size}));
  } else if (!is_image && used > size) {
    sight.excess =
        fmt::format("volume '{}' holds {} MiB of {}", name, used >> 20, format_bytes(Bytes{size}));
  }
}

}  // namespace

StorageSight look_at_storage(const ProcessLayout& layout, const std::string& uid,
                             const Value& spec) {
  StorageSight sight;
  const Value* volumes = spec.find("volumes");
  if (volumes == nullptr || !volumes->is_list()) return sight;
  for (const Value& volume : volumes->as_list()) {
    const std::string name = volume.text_or("name", "");
    look_at_volume(layout.volume(uid, name), name, volume.integer_or("size", 0), sight);
  }
  return sight;
}

}  // namespace croft
