#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "core/archive/tar.hpp"
#include "core/base/result.hpp"

namespace croft::docker {

/// Takes an archive apart as it passes and writes it anew, so that whoever reads it next reads what
/// was judged and nothing else. Extended attributes (capabilities of programs among them) are left
/// out. Invalid for what is no archive.
class ArchiveRewriter {
 public:
  virtual ~ArchiveRewriter() = default;

  /// The next bytes, in pieces of any size; what of the archive can go on, which may be nothing.
  Result<std::string> feed(std::string_view bytes);
  /// At the end: the archive's last bytes. Invalid if it stops in the middle.
  Result<std::string> finish();

 private:
  /// False leaves an entry out, which must not be a file; an error ends the archive.
  virtual Result<bool> take(TarEntry& entry) = 0;
  Result<std::string> begin(TarEntry entry);
  std::string content(std::string_view bytes);

  std::uint64_t size_ = 0;  ///< of the file whose content passes
  std::uint64_t left_ = 0;  ///< of it
  TarReader reader_;
  TarWriter writer_;
};

/// What stands between an archive of a stranger and an engine that unpacks it as root. Paths that
/// lead outside or through a link of the archive, hard links to the outside, device files, pipes,
/// what is nested too deeply, and what holds more than the limit are Invalid and end it; set-user
/// bits are left out.
class ArchiveGuard final : public ArchiveRewriter {
 public:
  /// `limit`: bytes of all content, with 4 KiB for each entry.
  explicit ArchiveGuard(std::uint64_t limit) : limit_(limit) {}

 private:
  Result<bool> take(TarEntry& entry) override;
  Result<void> charge(std::uint64_t bytes);
  Result<void> check_way(const std::string& path, const std::string& named) const;

  std::uint64_t limit_;
  std::uint64_t taken_ = 0;
  std::set<std::string, std::less<>> links_;
};

/// What a volume gives out: all of it but pipes and devices, so that it can come in again.
class ExportFilter final : public ArchiveRewriter {
 private:
  Result<bool> take(TarEntry& entry) override;
};

}  // namespace croft::docker
