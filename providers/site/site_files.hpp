#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/git/tree.hpp"
#include "providers/site/site_provider.hpp"

namespace croft::site {

/// One file as it is served: links are resolved, so that several paths may have one blob.
struct ServedFile {
  std::string path;
  std::string blob;
  std::uint64_t size = 0;
};

/// What of a tree is served, sorted by path. Links lead to files or directories inside the tree;
/// Invalid names the path of one that does not, of a submodule, of a name that is no UTF-8, and of
/// what is past a limit.
Result<std::vector<ServedFile>> served_files(const FileTree& tree,
                                             const SiteProviderSettings& limits);

}  // namespace croft::site
