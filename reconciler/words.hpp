#pragma once

#include <string>
#include <string_view>

#include "core/base/units.hpp"
#include "core/store/rows.hpp"

namespace croft {

/// A time that passed or is to pass, as people say it: "40 s", "12 min", "2 h", "3 days". Rounded
/// down.
std::string spoken(Duration duration);
/// "1 resource", "3 resources".
std::string counted(std::size_t count, std::string_view noun);
/// "held by alice for 2 h (croft stop), until 2026-11-21T04:00Z: nightly backup"
std::string spoken(const DirectiveRow& directive, Timestamp now);

}  // namespace croft
