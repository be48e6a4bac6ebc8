#pragma once

#include "core/manifest/compose/item.hpp"
#include "core/manifest/compose/project.hpp"

namespace croft::manifest::compose {

/// Reads the canonical file of a whole project. What is wrong is reported; what it names that is
/// not declared, too.
Project decode_project(const Item& root, Repository& repository, const Sources& sources,
                       Complaints& complaints, TextBudget& budget);

}  // namespace croft::manifest::compose
