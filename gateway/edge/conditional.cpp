#include "gateway/edge/conditional.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace croft::edge {

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// All of the text as a number; nothing if it is none, or larger than 64 bits.
std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

ByteRange suffix_range(std::string_view length_text, std::uint64_t size) {
  if (!is_all_digits(length_text)) return {};
  // A length past 64 bits is past any size: the whole.
  const std::uint64_t length = std::min(number(length_text).value_or(size), size);
  if (length == 0) return {ByteRange::Kind::Unsatisfiable, 0, 0};
  return {ByteRange::Kind::Part, size - length, length};
}

}  // namespace

bool matches_any(std::string_view if_none_match, std::string_view etag) {
  std::string_view rest = trimmed(if_none_match);
  if (rest == "*") return true;
  while (!rest.empty()) {
    if (rest.starts_with("W/")) rest.remove_prefix(2);
    if (!rest.starts_with('"')) return false;
    const std::size_t close = rest.find('"', 1);
    if (close == std::string_view::npos) return false;
    if (rest.substr(0, close + 1) == etag) return true;
    rest = trimmed(rest.substr(close + 1));
    if (rest.empty() || rest.front() != ',') return false;
    while (!rest.empty() && (rest.front() == ',' || rest.front() == ' ' || rest.front() == '\t')) {
      rest.remove_prefix(1);
    }
  }
  return false;
}

bool permits_range(std::string_view if_range, std::string_view etag) {
  return trimmed(if_range) == etag;
}

ByteRange parse_range(std::string_view value, std::uint64_t size) {
  value = trimmed(value);
  if (!value.starts_with("bytes=") || value.find(',') != std::string_view::npos) return {};
  value = trimmed(value.substr(6));
  const std::size_t dash = value.find('-');
  if (dash == std::string_view::npos) return {};
  const std::string_view first_text = value.substr(0, dash);
  const std::string_view last_text = value.substr(dash + 1);
  if (first_text.empty()) return suffix_range(last_text, size);
  if (!is_all_digits(first_text) || (!last_text.empty() && !is_all_digits(last_text))) return {};
  const std::optional<std::uint64_t> first = number(first_text);
  const std::uint64_t last =
      last_text.empty() ? UINT64_MAX : number(last_text).value_or(UINT64_MAX);
  if (first && last < *first) return {};
  if (!first || *first >= size) return {ByteRange::Kind::Unsatisfiable, 0, 0};
  return {ByteRange::Kind::Part, *first, std::min(last, size - 1) - *first + 1};
}

}  // namespace croft::edge
