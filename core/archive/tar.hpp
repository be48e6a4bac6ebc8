#pragma once
// Room core/archive: tar archives, taken apart and put together as their bytes go by.
//
//   tar               entries and their content, POSIX ustar and pax, and what GNU tar writes
//   packer            a directory of this machine as an archive
//   unpacker          an archive into a directory, however hostile it is
//
// A piece of bytes goes in, what it completes comes out. Memory is bounded by the piece and the
// longest head, never by an entry. Only packer and unpacker open files.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/result.hpp"

namespace croft {

enum class TarType { File, HardLink, Link, CharacterDevice, BlockDevice, Directory, Fifo };

/// An entry's head.
struct TarEntry {
  std::string path;  ///< as the archive has it; a directory's ends with "/" or not
  TarType type = TarType::File;
  std::uint32_t mode = 0644;  ///< permission bits, with set-uid and the like
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  std::string user;  ///< names; may be empty
  std::string group;
  std::uint64_t size = 0;     ///< of the content that follows; only a file has one
  std::int64_t modified = 0;  ///< seconds since 1970
  std::string target;         ///< of links
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  /// Further records of its pax head, extended attributes ("SCHILY.xattr.user.x") among them.
  std::map<std::string, std::string> extras;

  bool operator==(const TarEntry&) const = default;
};

/// Writes archives. Calls come in this order: (begin, content..., end)..., finish.
class TarWriter {
 public:
  /// The bytes of a head; pax records go before it for what ustar has no place for. Invalid for an
  /// empty path and for what tar cannot say (a zero byte in a path).
  Result<std::string> begin(const TarEntry& entry);
  /// What stands after content of that size.
  static std::string padding(std::uint64_t size);
  /// The end of the archive.
  static std::string finish();
};

/// Takes an archive apart. A part is an entry's head, or bytes of the content of the entry before.
class TarReader {
 public:
  using Part = std::variant<TarEntry, std::string>;
  /// What this piece completes. Invalid for what is no tar archive (a wrong check sum, a head
  /// longer than 1 MiB, sparse files, one path or size for all entries); the reader is of no use
  /// then.
  Result<std::vector<Part>> feed(std::string_view bytes);
  /// At the end of the bytes: Invalid if the archive is cut short. One without its end mark passes
  /// if an entry ends there, as with GNU tar.
  Result<void> finish() const;
  /// The end mark has come; what follows is ignored.
  bool is_at_end() const { return state_ == State::End; }

 private:
  enum class State { Head, Content, Extension, End };
  using Records = std::map<std::string, std::string>;

  Result<void> take_block(std::vector<Part>& out);
  Result<void> take_head(std::vector<Part>& out);
  Result<void> begin_extension(char type, std::uint64_t size);
  Result<void> end_extension();
  Result<void> keep_global();
  Result<void> apply_records(TarEntry& entry) const;

  State state_ = State::Head;
  std::string block_;          // up to 512 bytes of a head
  std::uint64_t left_ = 0;     // bytes of content or extension
  std::uint64_t padding_ = 0;  // after it
  char extension_type_ = 0;
  std::string extension_;
  Records global_;
  Records records_;  // for the next entry
  bool saw_zero_block_ = false;
  bool is_in_entry_ = false;  // records have come for an entry that has not
};

/// A path as it is below the root of the archive: without "./" and double slashes. Invalid if it is
/// absolute or has a ".." in it; empty for the root itself.
Result<std::string> clean_tar_path(std::string_view path);

}  // namespace croft
