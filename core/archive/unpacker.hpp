#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "core/archive/tar.hpp"
#include "core/base/files.hpp"

namespace croft {

struct UnpackSettings {
  std::optional<uid_t> owner;          ///< whose everything becomes, user and group; nothing: ours
  std::optional<std::uint64_t> limit;  ///< of all content, with 4 KiB for each entry
};

/// Unpacks an archive, as it comes, into a directory, over what is there: files and links of the
/// same name are replaced, everything else stays. An archive is not trusted: a path that is
/// absolute or climbs with "..", a path that leads through a link, a hard link to something
/// outside, and anything that is no file, directory or link are Invalid and end it; what came
/// before stays. Set- user bits are dropped. Nothing outside is ever touched, as every step goes
/// from one open directory to the next and follows no link. Blocks; not thread safe.
class DirectoryUnpacker {
 public:
  static Result<DirectoryUnpacker> open(const std::string& directory, UnpackSettings settings);

  /// The next bytes of the archive.
  Result<void> feed(std::string_view bytes);
  /// Nothing more comes. Invalid if the archive is cut short.
  Result<void> finish();

 private:
  Result<void> begin(const TarEntry& entry);
  Result<void> content(std::string_view bytes);
  void end();

  DirectoryUnpacker(UniqueFd root, UnpackSettings settings)
      : root_(std::move(root)), settings_(settings) {}

  /// The open directory that holds the last part of a path; kept for the next entry.
  Result<int> parent_of(const std::vector<std::string>& parts);
  Result<UniqueFd> open_below(int directory, const std::string& name, bool makes);
  /// Against the limit.
  Result<void> charge(std::uint64_t bytes);
  Result<void> make_room(int parent, const std::string& name, bool for_directory) const;
  Result<void> make_directory_entry(int parent, const std::string& name, const TarEntry& entry);
  Result<void> make_file(int parent, const std::string& name, const TarEntry& entry);
  Result<void> make_symbolic_link(int parent, const std::string& name, const TarEntry& entry) const;
  Result<void> make_hard_link(const std::vector<std::string>& parts, const TarEntry& entry);
  Result<void> give(int fd, unsigned mode) const;

  TarReader reader_;
  UniqueFd root_;
  UnpackSettings settings_;
  std::vector<std::string> parent_parts_;
  UniqueFd parent_;
  UniqueFd file_;
  std::string path_;
  std::int64_t modified_ = 0;
  std::uint64_t taken_ = 0;
  std::string begin_;  ///< the archive's first bytes
};

}  // namespace croft
