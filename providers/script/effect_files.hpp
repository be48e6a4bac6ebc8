#pragma once

#include "core/base/result.hpp"
#include "core/base/value.hpp"
#include "core/git/tree.hpp"

namespace croft::script {

/// The most that the files of one effect may hold together: they travel through the script's VM.
inline constexpr std::uint64_t kMostFileBytes = 8U << 20U;
inline constexpr std::size_t kMostFiles = 10'000;

/// The files of a tree as a script gets them: a list of {path, size, executable, content}, a link
/// with {path, link}, sorted by path. Blocks. Invalid if they are too many or too large.
Result<Value> read_effect_files(const FileTree& tree);

}  // namespace croft::script
