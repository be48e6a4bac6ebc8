#pragma once

#include <string_view>

#include "core/archive/tar.hpp"
#include "core/base/result.hpp"

namespace croft::docker {

/// Looks through a tar archive as it passes, and stops it at what has no business in a volume:
/// paths and hard links that lead outside, device files, and what is no archive.
class ArchiveGuard {
 public:
  /// The next bytes, in pieces of any size. Invalid with the path.
  Result<void> feed(std::string_view bytes);
  /// At the end: Invalid if the archive stops in the middle.
  Result<void> finish() const { return reader_.finish(); }

 private:
  TarReader reader_;
};

}  // namespace croft::docker
