#include "core/manifest/source_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/resource/kind.hpp"

namespace croft::manifest {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

unsigned char byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

yaml::Problem problem_at(std::string_view text, std::size_t offset, std::string message,
                         std::string hint) {
  const std::string_view before = text.substr(0, offset);
  const auto line = static_cast<std::uint32_t>(std::ranges::count(before, '\n') + 1);
  const auto column = static_cast<std::uint32_t>(offset - (before.rfind('\n') + 1) + 1);
  return {0,
          {static_cast<std::uint32_t>(offset), line, column},
          1,
          std::move(message),
          std::move(hint)};
}

bool is_utf16(std::string_view text) {
  return text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF");
}

// Of a character that is not ASCII.
std::optional<yaml::Problem> check_wide_character(std::string_view text, std::size_t i) {
  const std::string_view character = text.substr(i, character_length(text, i));
  if (character.empty()) {
    return problem_at(text, i, fmt::format("the byte 0x{:02X} is not UTF-8", byte_at(text, i)),
                      "save the file as UTF-8");
  }
  // Line breaks for YAML 1.1 but for no editor: a comment would end where nobody sees it.
  const bool is_separator = character == "\u2028" || character == "\u2029";
  const bool is_control = character.size() == 2 && character[0] == '\xC2' && character[1] < '\xA0';
  const bool is_none = character == "\uFFFE" || character == "\uFFFF";
  if (!is_separator && !is_control && !is_none) return std::nullopt;
  const std::uint32_t code =
      character.size() == 2 ? static_cast<std::uint32_t>(byte_at(character, 1))
                            : (static_cast<std::uint32_t>(byte_at(character, 0) & 0x0F) << 12) |
                                  (static_cast<std::uint32_t>(byte_at(character, 1) & 0x3F) << 6) |
                                  static_cast<std::uint32_t>(byte_at(character, 2) & 0x3F);
  return problem_at(text, i, fmt::format("the invisible character U+{:04X}", code),
                    fmt::format("remove it, or write \\u{:04x} in double quotes", code));
}

std::optional<yaml::Problem> check_character(std::string_view text, std::size_t i) {
  const unsigned char byte = byte_at(text, i);
  if (byte >= 0x80) return check_wide_character(text, i);
  if (byte == 0) return problem_at(text, i, "a NUL byte", "manifests are text");
  if (byte == '\r') {
    if (i + 1 < text.size() && text[i + 1] == '\n') return std::nullopt;
    return problem_at(text, i, "a carriage return without a line feed",
                      "end lines with a line feed");
  }
  return problem_at(text, i, fmt::format("the control character 0x{:02X}", byte),
                    "remove it, or write it as an escape in double quotes");
}

// Bytes that need no second look: printable ASCII, tab and line feed.
bool is_simple(char c) { return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\t'; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// Where the word stands, whatever the case, from a position on.
std::size_t find_any_case(std::string_view text, std::string_view word, std::size_t from) {
  const char first[3] = {word[0], static_cast<char>(word[0] - 32), '\0'};
  for (std::size_t i = text.find_first_of(first, from); i != std::string_view::npos;
       i = text.find_first_of(first, i + 1)) {
    const std::string_view here = text.substr(i, word.size());
    if (std::ranges::equal(here, word, {}, lower)) return i;
  }
  return std::string_view::npos;
}

bool contains_any_case(std::string_view text, std::string_view word) {
  return find_any_case(text, word, 0) != std::string_view::npos;
}

// True if some "kind" is followed, past a quote, colon and spaces, by the name of one of our kinds.
bool names_a_kind(std::string_view text) {
  for (std::size_t i = text.find("kind"); i != std::string_view::npos;
       i = text.find("kind", i + 4)) {
    const std::size_t value = text.find_first_not_of("\"': \t", i + 4);
    if (value == std::string_view::npos) return false;
    const std::size_t end = std::min(text.find_first_of("\"' \t\r\n,}#", value), text.size());
    const std::string_view name = text.substr(value, end - value);
    if (kind_from(name) || is_planned_kind(name)) return true;
  }
  return false;
}

}  // namespace

std::size_t character_length(std::string_view text, std::size_t i) {
  const unsigned char lead = byte_at(text, i);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                             : lead >= 0xE0 && lead <= 0xEF ? 3
                             : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                            : 0;
  if (length == 0 || i + length > text.size()) return 0;
  for (std::size_t k = 1; k < length; ++k) {
    if ((byte_at(text, i + k) & 0xC0) != 0x80) return 0;
  }
  const unsigned char second = byte_at(text, i + 1);
  const bool is_bad = (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
                      (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F);
  return is_bad ? 0 : length;
}

std::string_view without_byte_order_mark(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return text;
}

std::optional<yaml::Problem> check_source_text(std::string_view text) {
  if (text.size() > kLargestFile) {
    return yaml::Problem{
        0,
        {},
        0,
        fmt::format("the file has {} bytes; a manifest has at most {}", text.size(), kLargestFile),
        "split it into several files"};
  }
  if (is_utf16(text)) return yaml::Problem{0, {}, 0, "the file is UTF-16", "save it as UTF-8"};
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_simple(text[i])) continue;
    if (auto problem = check_character(text, i)) return problem;
    if (byte_at(text, i) >= 0x80) i += character_length(text, i) - 1;
  }
  return std::nullopt;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = character_length(text, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

Likeness likeness_of(std::string_view text) {
  if (is_utf16(text)) {
    std::string narrow;
    std::ranges::copy_if(text, std::back_inserter(narrow), [](char c) { return c != '\0'; });
    return contains_any_case(narrow, "apiversion") && contains_any_case(narrow, "croft")
               ? Likeness::Manifest
               : Likeness::No;
  }
  if (contains_any_case(text, "apiversion") && contains_any_case(text, "croft"))
    return Likeness::Manifest;
  return names_a_kind(text) ? Likeness::Forgotten : Likeness::No;
}

}  // namespace croft::manifest
