#pragma once

#include <string>
#include <string_view>

namespace croft::edge {

/// What a request target names on a site.
enum class PathVerdict {
  Fine,
  Malformed,  ///< no valid percent-encoding, or bytes that no path has: 400
  Unsafe,  ///< "..", ".", encoded slashes, backslashes, NUL: nothing of ours has such a name: 400
};

/// Splits "/a/b?q" at the question mark; the query keeps it.
struct Target {
  std::string_view path;
  std::string_view query;
};
Target split_target(std::string_view target);

/// Decodes a target's path once, without its leading "/", into `out` (reused): "img/a b.png". A
/// path that comes out Fine has no segment "." or "..", no backslash and no control character, so
/// that it can only ever name what a release lists.
PathVerdict decode_path(std::string_view path, std::string& out);

}  // namespace croft::edge
