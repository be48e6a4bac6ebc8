#pragma once

#include <memory>
#include <string>

#include "core/git/tree.hpp"

namespace croft::docker {

/// The tree and one more file at its root, which hides one of that name.
std::shared_ptr<const FileTree> tree_with_file(std::shared_ptr<const FileTree> tree,
                                               std::string name, std::string content);

}  // namespace croft::docker
