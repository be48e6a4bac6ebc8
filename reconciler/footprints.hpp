#pragma once

#include <map>
#include <string>

#include "plans/footprint.hpp"
#include "reconciler/world.hpp"

namespace croft {

/// Sizes of what Sites serve, by tree id.
using FilesSizes = std::map<std::string, plans::FilesSize>;

/// How much of a plan a resource of the world takes up, with that spec at that provider: of
/// storage what is declared, or what was measured to lie there where that is more. `sizes` may be
/// null. Pure.
plans::Footprint footprint_in(const World& world, const FilesSizes* sizes, const Ref& ref,
                              const std::string& provider, const Value& spec);

}  // namespace croft
