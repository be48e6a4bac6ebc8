#pragma once

#include <string>
#include <string_view>

namespace croft::manifest {

/// Feeds bytes to the loader as a file of each scope, and checks what must hold whatever they are.
/// Returns what did not hold, or nothing. The fuzz target and the replay of its corpus share it.
std::string check_loading(std::string_view bytes);

}  // namespace croft::manifest
