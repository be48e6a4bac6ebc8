#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace croft::secret {

// Bech32 (BIP 173), without its limit of 90 characters, as age uses it for keys.

struct Bech32 {
  std::string prefix;  ///< in lower case, without the "1" behind it
  std::string bytes;
};

std::string to_bech32(std::string_view prefix, std::string_view bytes);
/// Nothing if it is none: a character or two mistyped, mixed case, bits left over.
std::optional<Bech32> from_bech32(std::string_view text);

}  // namespace croft::secret
