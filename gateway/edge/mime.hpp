#pragma once

#include <string_view>

namespace croft::edge {

/// The Content-Type for a file's name, by its last extension (case does not matter); text types say
/// UTF-8. "application/octet-stream" for what is not known.
std::string_view content_type_of(std::string_view path);

}  // namespace croft::edge
