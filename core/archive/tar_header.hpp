#pragma once

#include <cstddef>
#include <cstdint>

namespace croft::tar {

inline constexpr std::size_t kBlock = 512;

/// A field of a ustar head: where it is and how long.
struct Place {
  std::size_t at;
  std::size_t size;
};

// Source: POSIX pax, "ustar Interchange Format".
inline constexpr Place kName{0, 100};
inline constexpr Place kMode{100, 8};
inline constexpr Place kUid{108, 8};
inline constexpr Place kGid{116, 8};
inline constexpr Place kSize{124, 12};
inline constexpr Place kModified{136, 12};
inline constexpr Place kCheckSum{148, 8};
inline constexpr Place kType{156, 1};
inline constexpr Place kTarget{157, 100};
inline constexpr Place kMagic{257, 8};  // with the version
inline constexpr Place kUser{265, 32};
inline constexpr Place kGroup{297, 32};
inline constexpr Place kMajor{329, 8};
inline constexpr Place kMinor{337, 8};
inline constexpr Place kPrefix{345, 155};

/// How far content is from the next head.
constexpr std::uint64_t padding_of(std::uint64_t size) { return (kBlock - size % kBlock) % kBlock; }

/// The sum of a head's bytes, those of the sum itself counted as blanks.
inline std::uint64_t check_sum(const char* head) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const bool is_sum = i >= kCheckSum.at && i < kCheckSum.at + kCheckSum.size;
    sum += is_sum ? ' ' : static_cast<unsigned char>(head[i]);
  }
  return sum;
}

}  // namespace croft::tar
