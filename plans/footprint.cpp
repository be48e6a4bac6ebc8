#include "plans/footprint.hpp"

#include <algorithm>

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

/// Hosts of their own that lead to a Service; a name without a dot is one of Croft's.
std::int64_t custom_routes(const Value& spec) {
  const Value* routes = spec.find("routes");
  if (routes == nullptr || !routes->is_list()) return 0;
  return std::ranges::count_if(routes->as_list(), [](const Value& route) {
    return route.text_or("host", "").find('.') != std::string::npos;
  });
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
  } else if (ref.kind == Kind::Service) {
    footprint.cpu_millis = spec.integer_or("resources.cpu", 0);
    footprint.memory_bytes = spec.integer_or("resources.memory", 0);
    footprint.hosts = custom_routes(spec);
  } else if (ref.kind == Kind::Volume) {
    footprint.storage_bytes = spec.integer_or("size", 0);
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
