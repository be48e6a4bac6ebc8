#pragma once

#include <memory>
#include <string>

#include "core/base/async.hpp"
#include "core/base/byte_stream.hpp"
#include "core/git/tree.hpp"

namespace croft::docker {

struct ContextLimits {
  std::size_t files = 100'000;
  std::uint64_t file_bytes = 1U << 30U;  ///< of one file
  std::uint64_t bytes = 4ULL << 30U;     ///< of all files together
};

/// A tree as the tar stream that Images::build reads: without what its .dockerignore names (the
/// Dockerfile and .dockerignore themselves always stay), with executable bits and symbolic links,
/// owned by root, without times, so that equal trees give equal bytes and the builder's cache
/// holds. Reads files on the pool, which outlives the source, one at a time. Invalid for a bad
/// .dockerignore or past a limit. DOCKERFILE.dockerignore goes before .dockerignore, as with
/// Docker's own client.
Task<Result<ByteSource>> build_context(std::shared_ptr<const FileTree> tree, std::string dockerfile,
                                       BlockingPool& pool, ContextLimits limits = {});

}  // namespace croft::docker
