#include "providers/process/storage.hpp"

#include <fmt/format.h>

#include "core/base/units.hpp"
#include "providers/local/machine_facts.hpp"
#include "providers/process/volume_image.hpp"

namespace croft {

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
