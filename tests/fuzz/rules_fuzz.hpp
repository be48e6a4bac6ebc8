#pragma once

#include <string_view>

namespace croft {

/// Takes the bytes for the text of a Lua rule (or, if they do not begin like one, for what its
/// function returns) and prices with it: whatever comes back is read, and money is made of it.
/// Aborts where a promise is broken: two runs that differ, a total that is not the sum of its
/// lines, a call after it that is not right.
void fuzz_rules(std::string_view bytes);

}  // namespace croft
