#include "core/manifest/compose/words.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace croft::manifest::compose {

namespace {

struct Unit {
  std::string_view name;
  double factor;
};

// The decimal number that a text begins with, which is taken off.
std::optional<double> take_number(std::string_view& text) {
  const std::size_t length = std::min(text.find_first_not_of("0123456789."), text.size());
  double number = 0;
  const auto [end, failure] =
      std::from_chars(text.data(), text.data() + length, number, std::chars_format::fixed);
  if (failure != std::errc{} || end != text.data() + length) return std::nullopt;
  text.remove_prefix(length);
  return number;
}

std::optional<std::int64_t> whole(double number) {
  if (!std::isfinite(number) || number < 0 || number > 9e18) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

template <std::size_t N>
const Unit* find_unit(const std::array<Unit, N>& units, std::string_view name) {
  const auto* found = std::ranges::find(units, name, &Unit::name);
  return found == units.end() ? nullptr : found;
}

}  // namespace

std::optional<std::vector<std::string>> split_command(std::string_view line) {
  std::vector<std::string> words;
  std::optional<std::string> word;
  char quote = '\0';
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool has_next = i + 1 < line.size();
    if (quote == '\0' && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
      if (word) words.push_back(std::move(*word));
      word.reset();
      continue;
    }
    if (!word) word.emplace();
    if (c == quote) {
      quote = '\0';
    } else if (quote == '\0' && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == '\\' && quote == '\0') {
      if (!has_next) return std::nullopt;
      *word += line[++i];
    } else if (c == '\\' && quote == '"' && has_next &&
               (line[i + 1] == '"' || line[i + 1] == '\\')) {
      *word += line[++i];
    } else {
      *word += c;
    }
  }
  if (quote != '\0') return std::nullopt;
  if (word) words.push_back(std::move(*word));
  return words;
}

std::optional<std::int64_t> parse_time_span(std::string_view text) {
  constexpr std::array<Unit, 9> kUnits{{{"ns", 1e-6},
                                        {"us", 1e-3},
                                        {"µs", 1e-3},
                                        {"ms", 1},
                                        {"s", 1000},
                                        {"m", 60'000},
                                        {"h", 3'600'000},
                                        {"d", 86'400'000},
                                        {"w", 604'800'000}}};
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  double sum = 0;
  while (!text.empty()) {
    const auto number = take_number(text);
    const std::size_t end = std::min(text.find_first_of("0123456789."), text.size());
    const Unit* unit = find_unit(kUnits, text.substr(0, end));
    if (!number || unit == nullptr) return std::nullopt;
    text.remove_prefix(end);
    sum += *number * unit->factor;
  }
  // A nanosecond is not nothing.
  return whole(sum > 0 && sum < 1 ? 1 : std::round(sum));
}

std::optional<std::int64_t> parse_byte_count(std::string_view text) {
  constexpr double kKibi = 1024;
  constexpr double kMebi = kKibi * kKibi;
  constexpr double kGibi = kMebi * kKibi;
  constexpr double kTebi = kGibi * kKibi;
  constexpr std::array<Unit, 14> kUnits{{{"", 1},
                                         {"b", 1},
                                         {"k", kKibi},
                                         {"kb", kKibi},
                                         {"kib", kKibi},
                                         {"m", kMebi},
                                         {"mb", kMebi},
                                         {"mib", kMebi},
                                         {"g", kGibi},
                                         {"gb", kGibi},
                                         {"gib", kGibi},
                                         {"t", kTebi},
                                         {"tb", kTebi},
                                         {"tib", kTebi}}};
  const std::string small = lowered(text);
  std::string_view rest = small;
  const auto number = take_number(rest);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  const Unit* unit = find_unit(kUnits, rest);
  if (!number || unit == nullptr) return std::nullopt;
  return whole(*number * unit->factor);
}

std::optional<std::int64_t> parse_cores(std::string_view text) {
  const auto number = take_number(text);
  if (!number || !text.empty()) return std::nullopt;
  return whole(std::ceil(*number * 1000 - 1e-6));
}

std::optional<std::int64_t> parse_count(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{} || end != text.data() + text.size() || number < 0 ||
      text.starts_with('-'))
    return std::nullopt;
  return number;
}

std::optional<bool> parse_truth(std::string_view text) {
  const std::string small = lowered(text);
  for (const std::string_view yes : {"true", "t", "yes", "y", "on", "1"}) {
    if (small == yes) return true;
  }
  for (const std::string_view no : {"false", "f", "no", "n", "off", "0"}) {
    if (small == no) return false;
  }
  return std::nullopt;
}

std::optional<std::pair<int, int>> parse_port_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = parse_count(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_count(text.substr(dash + 1));
  if (!first || !last || *first > 65535 || *last > 65535 || *first > *last) return std::nullopt;
  return std::pair{static_cast<int>(*first), static_cast<int>(*last)};
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string lowered(std::string_view text) {
  std::string copy(text);
  std::ranges::transform(copy, copy.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return copy;
}

std::string shortened(std::string_view text) {
  constexpr std::size_t kMost = 60;
  if (text.size() <= kMost) return std::string(text);
  std::size_t end = kMost;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "...";
}

}  // namespace croft::manifest::compose
