#pragma once
// Compose files: what a Stack names becomes resources.
//
// - expand       a Stack → the Services, Volumes and Networks that it stands for
// - read_project files with all that they include and extend → one canonical file (Item)
// - item         a value with its place; aliases, merge keys and variables are followed
// - form, forms  the keys of the specification, and what Croft does with each
// - canonical, merge   short forms made long; one file laid over another
// - decode_project, service_*   the canonical file → specs that are being made (Draft)
// - variables, dotenv, words    ${NAME}; .env; commands, times and sizes

#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/git/tree.hpp"
#include "core/manifest/diagnostic.hpp"
#include "core/manifest/spec_pool.hpp"
#include "core/resource/resource.hpp"

namespace croft::manifest::compose {

/// What a Stack stands for.
struct Expansion {
  std::vector<Resource> parts;        ///< Networks, Volumes, Services; empty if there was an error
  std::vector<std::string> contexts;  ///< directories of the tree that images are built from
};

/// The parts of a Stack, whose spec is checked already. `directory` is where the tree's root lies
/// in its repository. Pure: depends on the tree and the Stack alone. What is wrong with the compose
/// files is added to the diagnostics; fails only if the tree cannot be read.
Result<Expansion> expand(const FileTree& tree, const std::string& directory, const Resource& stack,
                         SpecPool& pool, Diagnostics& diagnostics);

}  // namespace croft::manifest::compose
