#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace croft {

// RFC 4648 section 4, with padding.

std::string to_base64(std::string_view bytes);
/// Nothing if the text is not base64.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace croft
