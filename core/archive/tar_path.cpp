#include "core/archive/tar.hpp"

namespace croft {

Result<std::string> clean_tar_path(std::string_view path) {
  const std::string shown(path);
  if (path.starts_with('/')) {
    return fail(ErrorCode::Invalid, "the archive has an absolute path: " + shown);
  }
  std::string clean;
  while (!path.empty()) {
    const std::size_t end = path.find('/');
    const std::string_view segment = path.substr(0, end);
    path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
    if (segment == "..") {
      return fail(ErrorCode::Invalid, "the archive has a path that leads outside: " + shown);
    }
    if (segment.empty() || segment == ".") continue;
    if (!clean.empty()) clean += '/';
    clean += segment;
  }
  return clean;
}

}  // namespace croft
