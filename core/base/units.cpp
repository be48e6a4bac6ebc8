#include "core/base/units.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <optional>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace croft {

namespace {

struct Unit {
  std::string_view suffix;
  std::int64_t factor;
};

// Longest first, so that "ms" is tried before "m".
constexpr std::array<Unit, 5> kDurationUnits{
    {{"ms", 1}, {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}}};
constexpr std::array<Unit, 9> kByteUnits{{{"TiB", std::int64_t{1} << 40},
                                          {"GiB", std::int64_t{1} << 30},
                                          {"MiB", std::int64_t{1} << 20},
                                          {"KiB", std::int64_t{1} << 10},
                                          {"TB", 1'000'000'000'000},
                                          {"GB", 1'000'000'000},
                                          {"MB", 1'000'000},
                                          {"KB", 1'000},
                                          {"B", 1}}};

std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end == text.data() || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<std::int64_t> scaled(std::int64_t number, std::int64_t factor) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(number, factor, &product)) return std::nullopt;
  return product;
}

template <std::size_t N>
const Unit* take_unit(std::string_view& text, const std::array<Unit, N>& units) {
  for (const Unit& unit : units) {
    if (text.starts_with(unit.suffix)) {
      text.remove_prefix(unit.suffix.size());
      return &unit;
    }
  }
  return nullptr;
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const auto invalid = [&] {
    return fail(
        ErrorCode::Invalid,
        fmt::format("'{}' is not a duration; write for example '90s', '15m' or '1h30m'", text));
  };
  std::string_view rest = text;
  std::int64_t total = 0;
  if (rest.empty()) return invalid();
  if (rest == "0") return Duration(0);
  while (!rest.empty()) {
    const auto number = take_number(rest);
    if (!number) return invalid();
    const Unit* unit = take_unit(rest, kDurationUnits);
    if (unit == nullptr) return invalid();
    const auto part = scaled(*number, unit->factor);
    if (!part || __builtin_add_overflow(total, *part, &total)) return invalid();
  }
  return Duration(total);
}

Result<Bytes> parse_bytes(std::string_view text) {
  const auto invalid = [&] {
    return fail(ErrorCode::Invalid,
                fmt::format("'{}' is not a size; write for example '256MiB' or '10GB'", text));
  };
  std::string_view rest = text;
  const auto number = take_number(rest);
  if (!number) return invalid();
  if (rest.empty()) return Bytes{*number};
  const Unit* unit = take_unit(rest, kByteUnits);
  if (unit == nullptr || !rest.empty()) return invalid();
  const auto product = scaled(*number, unit->factor);
  if (!product) return invalid();
  return Bytes{*product};
}

Result<Cpu> parse_cpu(std::string_view text) {
  const auto invalid = [&] {
    return fail(
        ErrorCode::Invalid,
        fmt::format("'{}' is not an amount of cpu; write for example '250m', '0.25' or '2'", text));
  };
  std::string_view rest = text;
  const auto whole = take_number(rest);
  if (!whole) return invalid();
  if (rest == "m") return Cpu{*whole};
  const auto millis = scaled(*whole, 1000);
  if (!millis) return invalid();
  if (rest.empty()) return Cpu{*millis};
  if (!rest.starts_with('.') || rest.size() < 2 || rest.size() > 4) return invalid();
  rest.remove_prefix(1);
  std::int64_t fraction = 0;
  std::int64_t place = 100;
  for (const char digit : rest) {
    if (digit < '0' || digit > '9') return invalid();
    fraction += (digit - '0') * place;
    place /= 10;
  }
  return Cpu{*millis + fraction};
}

std::string format_duration(Duration duration) {
  if (duration.count() == 0) return "0s";
  std::int64_t rest = duration.count();
  std::string text;
  if (rest < 0) {
    text = "-";
    rest = -rest;
  }
  constexpr std::array<Unit, 5> kLargestFirst{
      {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
  for (const Unit& unit : kLargestFirst) {
    if (rest >= unit.factor) {
      text += fmt::format("{}{}", rest / unit.factor, unit.suffix);
      rest %= unit.factor;
    }
  }
  return text;
}

std::string format_bytes(Bytes bytes) {
  if (bytes.count == 0) return "0B";
  for (const Unit& unit : kByteUnits) {
    if (bytes.count % unit.factor == 0) {
      return fmt::format("{}{}", bytes.count / unit.factor, unit.suffix);
    }
  }
  return fmt::format("{}B", bytes.count);
}

std::string format_cpu(Cpu cpu) {
  if (cpu.millis % 1000 == 0) return fmt::format("{}", cpu.millis / 1000);
  return fmt::format("{}m", cpu.millis);
}

std::string format_time(Timestamp time) {
  const auto millis = time.time_since_epoch().count();
  const std::int64_t seconds = millis >= 0 ? millis / 1000 : (millis - 999) / 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(seconds)),
                     millis - seconds * 1000);
}

Result<Timestamp> parse_time(std::string_view text) {
  std::tm parts{};
  int millis = 0;
  const std::string copy(text);
  int consumed = 0;
  const int fields =
      std::sscanf(copy.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &parts.tm_year, &parts.tm_mon,
                  &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &consumed);
  std::string_view rest =
      text.substr(fields == 6 ? static_cast<std::size_t>(consumed) : text.size());
  if (rest.size() == 5 && rest[0] == '.' && rest[4] == 'Z') {
    std::from_chars(rest.data() + 1, rest.data() + 4, millis);
    rest = "Z";
  }
  if (fields != 6 || rest != "Z") {
    return fail(ErrorCode::Invalid,
                fmt::format("'{}' is not a time; write for example '2026-11-21T02:33:30Z'", text));
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return Timestamp(Duration(static_cast<std::int64_t>(timegm(&parts)) * 1000 + millis));
}

std::string format_age(Duration age) {
  const std::int64_t seconds = age.count() < 0 ? 0 : age.count() / 1000;
  if (seconds < 120) return fmt::format("{}s", seconds);
  if (seconds < 2 * 3600) return fmt::format("{}m", seconds / 60);
  if (seconds < 2 * 86400) return fmt::format("{}h", seconds / 3600);
  return fmt::format("{}d", seconds / 86400);
}

}  // namespace croft
