#pragma once

#include "core/manifest/compose/item.hpp"

namespace croft::manifest::compose {

/// Lays one canonical service over another, as a further file or `extends` does: maps are merged,
/// lists are appended where an element is new by what makes it unique (a port by all it says, a
/// volume by its target), commands and tests are replaced, `!reset` removes and `!override`
/// replaces.
Item merge_services(Item base, const Item& over);

/// The same for whole canonical files.
Item merge_files(Item base, const Item& over);

/// Removes what `!reset` and `!override` have left in an item that nothing is laid over any more.
void drop_tags(Item& item);

}  // namespace croft::manifest::compose
