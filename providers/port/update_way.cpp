#include "providers/port/update_way.hpp"

namespace croft {

std::string_view to_string(UpdateWay way) {
  switch (way) {
    case UpdateWay::InPlace:
      return "inPlace";
    case UpdateWay::SideBySide:
      return "sideBySide";
    case UpdateWay::Replace:
      return "replace";
  }
  return "replace";
}

std::optional<UpdateWay> update_way_from(std::string_view name) {
  for (const UpdateWay way : {UpdateWay::InPlace, UpdateWay::SideBySide, UpdateWay::Replace}) {
    if (to_string(way) == name) return way;
  }
  return std::nullopt;
}

}  // namespace croft
