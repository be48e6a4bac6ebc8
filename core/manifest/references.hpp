#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "core/resource/resource.hpp"

namespace croft::manifest {

/// Something wrong between resources that are each fine by themselves.
struct ReferenceProblem {
  std::size_t resource = 0;  ///< index of the one that must be mended
  std::string path;          ///< of the field: "spec.dependsOn[0]"; see locate.hpp
  std::string message;
  std::string hint;
};

/// Refs that are declared twice; the later one is at fault, and the message names the place of the
/// first.
std::vector<ReferenceProblem> check_duplicates(std::span<const Resource> resources);

/// Webhooks of one tenant's, or of the operator's, past the 50th: each has a queue and requests of
/// its own. Give it all that one tenant declares.
std::vector<ReferenceProblem> check_amounts(std::span<const Resource> resources);

/// Refs that name nothing, and circles of dependsOn. Give it all that one tenant declares, from all
/// of its sources, or all of the platform repository: what is not among them does not exist.
std::vector<ReferenceProblem> check_references(std::span<const Resource> resources);

}  // namespace croft::manifest
