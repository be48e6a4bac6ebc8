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

std::string describe_excess(const ProcessLayout& layout, const std::string& uid,
                            const Value& spec) {
  const Value* volumes = spec.find("volumes");
  if (volumes == nullptr || !volumes->is_list()) return {};
  for (const Value& volume : volumes->as_list()) {
    const std::string name = volume.text_or("name", "");
    const std::int64_t size = volume.integer_or("size", 0);
    if (size <= 0) continue;
    if (volume_image::is_mounted(layout.volume(uid, name))) {
      if (!volume_image::is_full(layout.volume(uid, name))) continue;
      return fmt::format("volume '{}' is full: {}", name, format_bytes(Bytes{size}));
    }
    const std::uint64_t used = measure_directory(layout.volume(uid, name));
    if (used <= static_cast<std::uint64_t>(size)) continue;
    return fmt::format("volume '{}' holds {} MiB of {}", name, used >> 20U,
                       format_bytes(Bytes{size}));
  }
  return {};
}

}  // namespace croft
