#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace croft {

/// Where new ids and random bytes come from; injected so that tests are repeatable. Thread safe.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual std::array<std::uint8_t, 32> bytes() = 0;

  /// A new id: 26 lower-case letters and digits, 130 random bits. Safe in file names, labels and
  /// URLs.
  std::string id();
};

/// getrandom(2).
class SystemRandom final : public RandomSource {
 public:
  std::array<std::uint8_t, 32> bytes() override;
};

/// SHA-256 in lower-case hexadecimal.
std::string sha256_hex(std::string_view data);

/// Compares without telling by its duration where the first difference is.
bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace croft
