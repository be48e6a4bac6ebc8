#include "core/manifest/compose/project.hpp"

#include <fmt/format.h>

namespace croft::manifest::compose {

void Draft::set(std::string_view field, Value value, const Spot& spot_of_field) {
  spec.set(field, std::move(value));
  places.emplace_back(field, spot_of_field);
}

void Draft::set_in(std::string_view field, std::string_view key, Value value,
                   const Spot& spot_of_field) {
  Value* map = spec.find(field);
  if (map == nullptr) map = &spec.set(field, Value::map());
  map->set(key, std::move(value));
  places.emplace_back(fmt::format("{}.{}", field, key), spot_of_field);
}

void Draft::append(std::string_view field, Value value, const Spot& spot_of_field) {
  Value* list = spec.find(field);
  if (list == nullptr) list = &spec.set(field, Value::list());
  places.emplace_back(fmt::format("{}[{}]", field, list->size()), spot_of_field);
  list->push_back(std::move(value));
}

}  // namespace croft::manifest::compose
