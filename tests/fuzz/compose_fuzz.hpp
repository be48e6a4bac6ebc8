#pragma once

#include <string>
#include <string_view>

namespace croft::manifest {

/// Loads bytes as the files of a Stack, and checks what must hold whatever they are: the load ends,
/// is bounded, says the same twice, and its parts are what their kinds allow. A line "=== NAME"
/// begins a file of that name; what stands before the first is compose.yaml. Returns what did not
/// hold, or nothing. The fuzz target and the replay of its corpus share it.
std::string check_composing(std::string_view bytes);

}  // namespace croft::manifest
