#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace croft::manifest {

/// How many single edits (insert, drop, change, swap of neighbours) lead from one text to the
/// other.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// "did you mean 'resources'?" for the candidate closest to what was written, or empty if none is
/// close.
std::string suggest(std::string_view written, const std::vector<std::string_view>& candidates);

}  // namespace croft::manifest
