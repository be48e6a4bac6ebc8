#pragma once

#include <cstdint>
#include <dirent.h>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/archive/tar.hpp"
#include "core/base/files.hpp"

namespace croft {

/// A directory of this machine as a tar archive, a piece at a time: files, directories, symbolic
/// and hard links. What is none of these (sockets, pipes, devices), and what is mounted inside, is
/// left out. Programs may go on writing meanwhile: what vanishes is left out, a file that shrinks
/// is filled up with zeros, one that grows is cut at the size it had when its turn came. No link is
/// followed, whatever they put in the place of what. Blocks; not thread safe.
class DirectoryPacker {
 public:
  /// Every entry belongs to this uid and gid in the archive.
  static Result<DirectoryPacker> open(const std::string& directory, std::uint64_t owner);

  /// The next piece, some 64 KiB; empty after the last. Invalid if directories are nested deeper
  /// than 256.
  Result<std::string> next();

 private:
  struct CloseDirectory {
    void operator()(DIR* directory) const { ::closedir(directory); }
  };
  struct Level {
    std::unique_ptr<DIR, CloseDirectory> directory;
    std::string path;  ///< with a slash at its end; empty for the root
  };
  DirectoryPacker(UniqueFd root, std::uint64_t owner) : root_(std::move(root)), owner_(owner) {}

  Result<void> enter(UniqueFd directory, std::string path);
  Result<void> step();
  Result<void> add(const Level& level, const std::string& name);
  Result<void> add_file(const Level& level, const std::string& name, TarEntry entry);
  Result<void> read_content();
  Result<void> begin(const TarEntry& entry);

  UniqueFd root_;
  std::uint64_t owner_ = 0;
  std::uint64_t device_ = 0;
  std::vector<Level> levels_;
  UniqueFd file_;           ///< whose content comes next
  std::uint64_t left_ = 0;  ///< of it
  std::uint64_t size_ = 0;
  std::string piece_;
  TarWriter writer_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string>
      linked_;  ///< inode → its first name
  bool is_done_ = false;
};

}  // namespace croft
