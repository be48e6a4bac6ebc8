#include "providers/process/storage.hpp"

#include <fmt/format.h>

#include "core/base/units.hpp"
#include "providers/local/machine_facts.hpp"
#include "providers/process/volume_image.hpp"

namespace croft {

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
