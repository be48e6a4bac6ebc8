#pragma once

#include <string>
#include <string_view>

#include "providers/port/release.hpp"

namespace croft::edge {

/// What a path of a site leads to.
struct Found {
  enum class Kind {
    File,
    Redirect,  ///< 301 to `location`, which is the request's own path with or without its last "/"
    NotFound,  ///< `file` is the site's own page for it, or null
  };
  Kind kind = Kind::NotFound;
  const ReleaseFile* file = nullptr;
  std::string_view name;  ///< of the file in the release; decides the content type
  std::string location;
};

/// Looks a decoded path ("" is the root, see decode_path) up in a release. In this order: the file
/// itself; "a" → a.html; "a" → redirect to "a/" if a/index.html exists; "a/" → a/index.html; "a/" →
/// redirect to "a" if a.html exists. `raw` is the path as the client wrote it, for redirects. Views
/// live as long as the release.
Found find_in_site(const Release& release, std::string_view path, std::string_view raw);

}  // namespace croft::edge
