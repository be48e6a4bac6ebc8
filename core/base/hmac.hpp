#pragma once

#include <string>
#include <string_view>

namespace croft {

/// HMAC-SHA-256 (RFC 2104): 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view data);
/// The same in lower-case hexadecimal.
std::string hmac_sha256_hex(std::string_view key, std::string_view data);

}  // namespace croft
