#include "plans/footprint.hpp"

namespace croft::plans {

namespace {

std::int64_t size_of_list(const Value& spec, std::string_view path) {
  const Value* list = spec.at_path(path);
  return list == nullptr ? 0 : static_cast<std::int64_t>(list->size());
}

std::int64_t size_of_volumes(const Value& spec) {
  const Value* volumes = spec.find("volumes");
  if (volumes == nullptr || !volumes->is_list()) return 0;
  std::int64_t bytes = 0;
  for (const Value& volume : volumes->as_list()) bytes += volume.integer_or("size", 0);
  return bytes;
}

}  // namespace

Footprint footprint_of(const Ref& ref, std::string provider, const Value& spec,
                       const FilesSize* files) {
  Footprint footprint{.ref = ref, .provider = std::move(provider)};
  if (ref.kind == Kind::Instance) {
    footprint.cpu_millis = spec.integer_or("resources.cpu", 0);
    footprint.memory_bytes = spec.integer_or("resources.memory", 0);
    footprint.storage_bytes = size_of_volumes(spec);
    footprint.hosts = size_of_list(spec, "http.hosts");
  } else if (ref.kind == Kind::Site) {
    footprint.hosts = size_of_list(spec, "domains");
    if (files != nullptr) {
      footprint.storage_bytes = files->bytes;
      footprint.largest_file = files->largest;
      footprint.largest_path = files->largest_path;
    }
  }
  return footprint;
}

}  // namespace croft::plans
