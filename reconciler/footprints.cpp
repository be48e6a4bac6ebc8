#include "reconciler/footprints.hpp"

#include <algorithm>

namespace croft {

plans::Footprint footprint_in(const World& world, const FilesSizes* sizes, const Ref& ref,
                              const std::string& provider, const Value& spec) {
  const plans::FilesSize* size = nullptr;
  if (sizes != nullptr) {
    const auto found = sizes->find(spec.text_or("files.tree", ""));
    if (found != sizes->end()) size = &found->second;
  }
  plans::Footprint footprint = footprint_of(ref, provider, spec, size);
  const auto used = world.storage_used.find(ref);
  if (used != world.storage_used.end())
    footprint.storage_bytes = std::max(footprint.storage_bytes, used->second);
  return footprint;
}

}  // namespace croft
