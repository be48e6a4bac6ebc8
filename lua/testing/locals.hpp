#pragma once
// What goes through locals of a script, for those who look at scripts without running them.

#include <string_view>
#include <vector>

#include "lua/testing/listing.hpp"

namespace croft::lua {

/// Fields that a script reads of globals through locals: `local h = http; h.get(...)` is
/// {"http", "get"}. Read from the text, and only where there is no doubt: the local is set once in
/// the file, by a plain `local NAME = GLOBAL`, nothing else in the file is called so, and nothing
/// is called as the global is. The script must compile.
std::vector<GlobalUse> uses_through_locals(std::string_view source);

}  // namespace croft::lua
