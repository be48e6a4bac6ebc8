#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace croft::edge {

/// Where a normalised host is written to; a DNS name has at most 253 characters.
using HostBuffer = std::array<char, 256>;

/// The host of a Host header as routes name it: lower case, without port and trailing dot. The view
/// is into the buffer. Nothing if it is no host: empty, too long, of characters that no host has,
/// or with a port that is no number.
std::optional<std::string_view> normalize_host(std::string_view text, HostBuffer& buffer);

}  // namespace croft::edge
