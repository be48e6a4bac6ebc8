#pragma once

#include <functional>
#include <vector>

#include "core/store/tools/access.hpp"
#include "core/store/tools/rows.hpp"

namespace croft::store_tools {

/// Hands rows over, wherever they come from.
using RowSource = std::function<Result<void>(const RowTaker&)>;

/// Fills an empty store in one transaction: all of the source's rows, or nothing. Before the commit
/// everything is read back: Internal if it is not what was given, Invalid if it is not sound.
Result<std::vector<TableSum>> fill_store(Held& target, const RowSource& source);

/// Copies all of a store to an empty one. Both are kept from everybody else meanwhile; Conflict or
/// Unavailable if somebody uses one, Conflict if the target has content. The source is left as it
/// is.
Result<std::vector<TableSum>> copy_store(const Place& from, const Place& to);

}  // namespace croft::store_tools
