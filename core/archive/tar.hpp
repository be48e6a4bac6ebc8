#pragma once
// Room core/archive: tar archives, written and read piece by piece, so that nothing is held in
// memory but one block and one header. What leaves a volume and comes into one travels as this.
//
// Format: POSIX.1-2001 "pax" (ustar headers, extended ones before them where ustar is too small).
// Read as well: GNU's long names and binary numbers, and the headers of before POSIX.

//
//   tar, tar_reader   headers; an archive taken apart as it comes
//   packer            a directory of this machine as an archive
//   unpacker          an archive into a directory, however hostile it is
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace croft {

/// One thing in an archive.
struct TarEntry {
  enum class Type { File, Directory, SymbolicLink, HardLink, Other };

  std::string path;  ///< as the archive has it, without a slash at its end
  Type type = Type::File;
  std::string link;        ///< where a link leads
  std::uint64_t size = 0;  ///< bytes of a File's content
  std::uint32_t mode = 0644;
  std::uint64_t uid = 0;
  std::uint64_t gid = 0;
  std::int64_t modified = 0;  ///< seconds since 1970
  char flag = '0';            ///< of the header: says what Other is

  bool operator==(const TarEntry&) const = default;
};

inline constexpr std::size_t kTarBlock = 512;

/// The header of an entry; its content follows, then tar_padding(). Other is a bug.
std::string tar_header(const TarEntry& entry);
/// What fills up the last block of that much content.
std::string tar_padding(std::uint64_t size);
/// What stands behind the last entry.
std::string tar_end();

/// Who receives what a TarReader finds. An error of it ends the reading.
class TarSink {
 public:
  virtual ~TarSink() = default;
  virtual Result<void> begin(const TarEntry& entry) = 0;
  /// The content of a File, in pieces that are never empty.
  virtual Result<void> content(std::string_view bytes) = 0;
  /// The entry is complete.
  virtual Result<void> end() = 0;
};

/// Takes an archive apart as it comes in. Invalid for what is no tar archive, is compressed, or
/// uses what is not supported (sparse files); the error says at which entry.
class TarReader {
 public:
  explicit TarReader(TarSink& sink) : sink_(sink) {}

  Result<void> feed(std::string_view bytes);
  /// Nothing more comes. Invalid if the archive is cut off.
  Result<void> finish() const;

 private:
  enum class State { Header, Extension, Content, Padding, End };

  Result<void> take_block(std::string_view block);
  Result<void> take_header(std::string_view block);
  Result<void> begin_entry(TarEntry entry);
  Result<void> end_extension();
  Result<void> read_pax(std::string_view records, std::map<std::string, std::string>& into) const;
  Result<void> apply_extensions(TarEntry& entry);
  std::size_t take_content(std::string_view bytes, Result<void>& outcome);
  Error broken(std::string what) const;

  TarSink& sink_;
  State state_ = State::Header;
  std::string pending_;    // of a block that has not come whole
  std::string extension_;  // of a header that is about the next one
  char extension_flag_ = 0;
  std::uint64_t left_ = 0;                      // of the content
  std::uint64_t padding_ = 0;                   // after it
  std::map<std::string, std::string> globals_;  // pax records for all entries, for the next one
  std::map<std::string, std::string> next_;
  std::string last_path_;
  bool has_begun_ = false;
};

}  // namespace croft
