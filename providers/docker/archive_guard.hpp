#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "core/archive/tar.hpp"
#include "core/base/result.hpp"

namespace croft::docker {

/// What stands between an archive of a stranger and an engine that unpacks it as root: takes it
/// apart as it passes and writes it anew, so that the engine reads what was judged and nothing
/// else. Paths that lead outside or through a link of the archive, hard links to the outside,
/// device files, pipes, what is nested too deeply, what holds more than the limit, and what is no
/// archive are Invalid and end it; set-user bits and extended attributes (capabilities of programs
/// among them) are left out.
class ArchiveGuard {
 public:
  /// `limit`: bytes of all content, with 4 KiB for each entry.
  explicit ArchiveGuard(std::uint64_t limit) : limit_(limit) {}

  /// The next bytes, in pieces of any size; what of the archive can go on, which may be nothing.
  Result<std::string> feed(std::string_view bytes);
  /// At the end: the archive's last bytes. Invalid if it stops in the middle.
  Result<std::string> finish();

 private:
  Result<std::string> begin(TarEntry entry);
  std::string content(std::string_view bytes);
  Result<void> charge(std::uint64_t bytes);
  Result<void> check_way(const std::string& path, const std::string& named) const;

  std::uint64_t limit_;
  std::uint64_t taken_ = 0;
  std::uint64_t size_ = 0;  ///< of the file whose content passes
  std::uint64_t left_ = 0;  ///< of it
  std::set<std::string, std::less<>> links_;
  TarReader reader_;
  TarWriter writer_;
};

}  // namespace croft::docker
