#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/base/files.hpp"
#include "core/base/result.hpp"

namespace croft::store_tools {

/// A file that gets its name once it is whole; it is removed otherwise.
class NewFile {
 public:
  static Result<NewFile> make(const std::filesystem::path& path);
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  Result<void> add(std::string_view text);
  /// Puts it on the disk and gives it its name. Conflict if the name is taken, unless it may
  /// replace.
  Result<void> finish(bool may_replace);

 private:
  NewFile(std::filesystem::path path, std::string temporary, UniqueFd fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(std::move(fd)) {}
  Result<void> flush();

  std::filesystem::path path_;
  std::string temporary_;  ///< its name until then; empty once it has its own
  UniqueFd fd_;
  std::string buffer_;
};

/// The lines of a file, one after the other.
class LineReader {
 public:
  static Result<LineReader> open(const std::filesystem::path& path);

  /// The next line without its newline; false at the end of the file. Valid until the next call.
  /// Invalid if the file ends without a newline, or for a line of more than 256 MiB.
  Result<bool> next(std::string_view& line);

 private:
  LineReader(std::filesystem::path path, UniqueFd fd)
      : path_(std::move(path)), fd_(std::move(fd)) {}
  Result<bool> fill();

  std::filesystem::path path_;
  UniqueFd fd_;
  std::string buffer_;
  std::size_t begin_ = 0;  ///< of what was not given yet
};

}  // namespace croft::store_tools
