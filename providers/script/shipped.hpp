#pragma once

#include <vector>

#include "providers/port/provider.hpp"

namespace croft::script {

/// The adapters inside this program: providers/NAME/*.lua of its sources, as listed in
/// providers/script/CMakeLists.txt.
std::vector<AdapterScript> shipped();

}  // namespace croft::script
