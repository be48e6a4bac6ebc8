#include "cli/output/amounts.hpp"

#include <array>
#include <string_view>

#include <fmt/format.h>

namespace croft::cli {

std::string rough_bytes(std::int64_t count) {
  constexpr std::array<std::string_view, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  auto amount = static_cast<double>(count);
  std::size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < kUnits.size(); ++unit) amount /= 1024;
  return unit == 0 ? fmt::format("{}B", count) : fmt::format("{:.1f}{}", amount, kUnits[unit]);
}

}  // namespace croft::cli
