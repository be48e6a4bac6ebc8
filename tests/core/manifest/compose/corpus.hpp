#pragma once

#include <filesystem>
#include <vector>

#include "tests/core/manifest/compose/composing.hpp"

namespace croft::manifest {

/// The interpreter that Debian's docker-compose runs with: its modules, and those of the judges of
/// YAML and JSON Schema that come with it, are not for others.
inline constexpr const char* kPython = "/usr/bin/python3";

/// The directories of tests/data/compose: those that docker-compose 1.29 reads (`oracle`), and
/// those that say what it does not know yet (`newer`). Each has a compose.yaml and what it names.
std::vector<std::filesystem::path> corpus_directories();

/// Every file below a directory, by its path from there.
Files read_directory(const std::filesystem::path& directory);

/// Loads a directory as a Stack of all profiles, with compose.override.yaml if there is one.
LoadedSet load_directory(const std::filesystem::path& directory);

/// The vendors' files of the compose specification; they may not be there.
std::filesystem::path compose_specs();

}  // namespace croft::manifest
