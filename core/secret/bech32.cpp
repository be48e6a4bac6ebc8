#include "core/secret/bech32.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace croft::secret {

namespace {

constexpr std::string_view kDigits = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr std::size_t kChecksumSize = 6;
constexpr unsigned kBitsOfDigit = 5;

using Digits = std::vector<std::uint8_t>;

std::uint32_t polymod(const Digits& digits) {
  constexpr std::array<std::uint32_t, 5> kGenerator{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                                    0x2a1462b3};
  std::uint32_t sum = 1;
  for (const std::uint8_t digit : digits) {
    const std::uint32_t top = sum >> 25U;
    sum = ((sum & 0x1ffffffU) << kBitsOfDigit) ^ digit;
    for (unsigned i = 0; i < kGenerator.size(); ++i) {
      if (((top >> i) & 1U) != 0) sum ^= kGenerator.at(i);
    }
  }
  return sum;
}

Digits expanded(std::string_view prefix) {
  Digits digits;
  for (const char c : prefix) digits.push_back(static_cast<std::uint8_t>(c) >> kBitsOfDigit);
  digits.push_back(0);
  for (const char c : prefix) digits.push_back(static_cast<std::uint8_t>(c) & 31U);
  return digits;
}

/// Regroups bits. Without `pads`, bits left over must be fewer than a group and all zero.
std::optional<Digits> regroup(const Digits& from, unsigned bits_from, unsigned bits_to, bool pads) {
  Digits made;
  std::uint32_t held = 0;
  unsigned bits = 0;
  for (const std::uint8_t value : from) {
    held = (held << bits_from) | value;
    bits += bits_from;
    while (bits >= bits_to) {
      bits -= bits_to;
      made.push_back(static_cast<std::uint8_t>((held >> bits) & ((1U << bits_to) - 1)));
    }
    held &= (1U << bits) - 1;
  }
  if (pads && bits > 0) made.push_back(static_cast<std::uint8_t>(held << (bits_to - bits)));
  if (!pads && (bits >= bits_from || held != 0)) return std::nullopt;
  return made;
}

bool is_mixed_or_strange(std::string_view text) {
  bool has_upper = false;
  bool has_lower = false;
  for (const char c : text) {
    if (c < '!' || c > '~') return true;
    has_upper = has_upper || (c >= 'A' && c <= 'Z');
    has_lower = has_lower || (c >= 'a' && c <= 'z');
  }
  return has_upper && has_lower;
}

}  // namespace

std::string to_bech32(std::string_view prefix, std::string_view bytes) {
  const Digits data = *regroup(Digits(bytes.begin(), bytes.end()), 8, kBitsOfDigit, true);
  Digits all = expanded(prefix);
  all.insert(all.end(), data.begin(), data.end());
  all.resize(all.size() + kChecksumSize);
  const std::uint32_t sum = polymod(all) ^ 1U;
  std::string text(prefix);
  text += '1';
  for (const std::uint8_t digit : data) text += kDigits[digit];
  for (unsigned i = 0; i < kChecksumSize; ++i)
    text += kDigits[(sum >> (kBitsOfDigit * (kChecksumSize - 1 - i))) & 31U];
  return text;
}

std::optional<Bech32> from_bech32(std::string_view text) {
  if (is_mixed_or_strange(text)) return std::nullopt;
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  const std::size_t one = lower.rfind('1');
  if (one == std::string::npos || one == 0 || lower.size() - one - 1 < kChecksumSize)
    return std::nullopt;
  Bech32 made;
  made.prefix = lower.substr(0, one);
  Digits data;
  for (const char c : std::string_view(lower).substr(one + 1)) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    data.push_back(static_cast<std::uint8_t>(digit));
  }
  Digits all = expanded(made.prefix);
  all.insert(all.end(), data.begin(), data.end());
  if (polymod(all) != 1) return std::nullopt;
  data.resize(data.size() - kChecksumSize);
  const auto bytes = regroup(data, kBitsOfDigit, 8, false);
  if (!bytes) return std::nullopt;
  made.bytes.assign(bytes->begin(), bytes->end());
  return made;
}

}  // namespace croft::secret
