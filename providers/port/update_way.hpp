#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace croft {

/// What an update does to what runs.
enum class UpdateWay {
  InPlace,     ///< what runs goes on and has the new spec
  SideBySide,  ///< the new one takes over once it is well; then the old one ends: no gap
  Replace,     ///< the old one ends before the new one starts: a short gap
};

std::string_view to_string(UpdateWay way);
std::optional<UpdateWay> update_way_from(std::string_view name);

/// How a provider brings what runs to another spec.
struct UpdateManner {
  UpdateWay way = UpdateWay::InPlace;
  std::string because;  ///< of Replace, for people: "it has a host port"
  bool operator==(const UpdateManner&) const = default;
};

}  // namespace croft
