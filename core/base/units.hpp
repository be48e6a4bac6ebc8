#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace croft {

/// Every duration of the product; text form "90s", "15m", "1h30m", "250ms".
using Duration = std::chrono::milliseconds;
/// A point of wall-clock time, UTC, in milliseconds since 1970.
using Timestamp = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

/// An amount of memory or storage in bytes; text form "256MiB" (powers of 1024) or "10GB" (powers
/// of 1000).
struct Bytes {
  std::int64_t count = 0;
  auto operator<=>(const Bytes&) const = default;
};

/// Processor time in thousandths of one core; text form "250m" or "0.25".
struct Cpu {
  std::int64_t millis = 0;
  auto operator<=>(const Cpu&) const = default;
};

Result<Duration> parse_duration(std::string_view text);
Result<Bytes> parse_bytes(std::string_view text);
Result<Cpu> parse_cpu(std::string_view text);

/// The shortest text that parses back to the same value.
std::string format_duration(Duration duration);
std::string format_bytes(Bytes bytes);
std::string format_cpu(Cpu cpu);

/// RFC 3339 in UTC with milliseconds: "2026-11-21T02:33:30.120Z".
std::string format_time(Timestamp time);
Result<Timestamp> parse_time(std::string_view text);
/// For tables: "12s", "3m", "4h", "21d".
std::string format_age(Duration age);

}  // namespace croft
