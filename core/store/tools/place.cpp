#include "core/store/tools/place.hpp"

#include <fmt/format.h>

#include "core/store/postgres/handle.hpp"

namespace croft::store_tools {

namespace {

namespace fs = std::filesystem;

Result<Place> place_in_postgres(const std::string& url) {
  TRY_ASSIGN(const postgres::Target target, postgres::parse_target(url));
  return Place{.url = url,
               .directory = {},
               .name = target.name,
               .setting = target.has_password ? target.name : url};
}

Place place_in(const fs::path& directory) {
  return {
      .url = {}, .directory = directory, .name = (directory / "croft.db").string(), .setting = {}};
}

}  // namespace

Result<Place> place_of_settings(const fs::path& data, const std::string& store_url) {
  if (!store_url.empty()) return place_in_postgres(store_url);
  return place_in(data);
}

Result<Place> parse_place(const std::string& text) {
  std::error_code ignored;
  const fs::path path(text);
  if (fs::is_directory(path, ignored)) return place_in(path);
  if (path.filename() == "croft.db") {
    return place_in(path.has_parent_path() ? path.parent_path() : fs::path("."));
  }
  const bool is_path = text.starts_with('/') || text.starts_with('.');
  if (!is_path && (text.find("://") != std::string::npos || text.find('=') != std::string::npos))
    return place_in_postgres(text);
  if (text.find('/') != std::string::npos && !fs::exists(path, ignored)) return place_in(path);
  return fail(
      Error(ErrorCode::Invalid, fmt::format("'{}' names no store", text))
          .with_hint("give postgres://USER@HOST/DATABASE, or a croft.db or its directory; one "
                     "that is to be made with a slash: ./data"));
}

}  // namespace croft::store_tools
