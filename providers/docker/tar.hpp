#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace croft::docker {

/// Makes a tar archive (POSIX pax) in memory, without times, so that equal files give equal bytes.
class TarWriter {
 public:
  void add_directory(const std::string& path);
  void add_file(const std::string& path, std::string_view content, std::int64_t mode,
                std::int64_t uid, std::int64_t gid);
  void add_link(const std::string& path, const std::string& target);
  /// The archive; nothing can be added after it.
  std::string finish();

 private:
  struct Entry {
    std::string path;
    std::string link;
    char type = '0';
    std::int64_t mode = 0;
    std::int64_t uid = 0;
    std::int64_t gid = 0;
    std::uint64_t size = 0;
  };
  void add_header(const Entry& entry);
  void add_block(std::string_view content);
  std::string archive_;
};

/// Looks through a tar archive as it passes, and stops it at what has no business in a volume:
/// paths and hard links that lead outside, device files, and what is no archive.
class TarGuard {
 public:
  /// The next bytes, in pieces of any size. Invalid with the path.
  Result<void> feed(std::string_view bytes);
  /// At the end: Invalid if the archive stops in the middle.
  Result<void> finish() const;
  std::uint64_t content_bytes() const { return content_bytes_; }

 private:
  Result<void> read_header();
  Result<void> read_meta();

  std::string block_;            ///< a header, or what a header of headers says, as far as it came
  std::uint64_t to_skip_ = 0;    ///< content and padding that passes unseen
  std::uint64_t meta_left_ = 0;  ///< of content that is read: long names
  std::uint64_t meta_padding_ = 0;
  char meta_type_ = 0;
  std::string meta_;
  std::map<std::string, std::string> next_;  ///< pax fields of the next entry
  std::uint64_t content_bytes_ = 0;
  bool is_over_ = false;
};

}  // namespace croft::docker
