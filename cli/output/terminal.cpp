#include "cli/output/terminal.hpp"

#include <array>
#include <charconv>
#include <cwchar>
#include <iostream>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

namespace croft::cli {

namespace {

constexpr std::size_t kNarrowest = 40;

struct Glyph {
  char32_t point = 0;
  std::size_t bytes = 1;
};

/// The character at the beginning of a non-empty text; a byte that is no UTF-8 counts as one
/// character.
Glyph first_glyph(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0x80    ? 1
                             : lead >= 0xF0 ? 4
                             : lead >= 0xE0 ? 3
                             : lead >= 0xC2 ? 2
                                            : 1;
  if (length == 1 || length > text.size()) return {lead, 1};
  char32_t point = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xC0U) != 0x80U) return {lead, 1};
    point = (point << 6U) | (next & 0x3FU);
  }
  return {point, length};
}

bool is_between(char32_t point, char32_t low, char32_t high) {
  return point >= low && point <= high;
}

std::size_t columns_of(char32_t point) {
  if (is_between(point, 0x300, 0x36F) || is_between(point, 0x200B, 0x200F) ||
      is_between(point, 0xFE00, 0xFE0F) || point == 0xFEFF) {
    return 0;
  }
  const bool is_wide = is_between(point, 0x1100, 0x115F) || is_between(point, 0x2E80, 0xA4CF) ||
                       is_between(point, 0xAC00, 0xD7A3) || is_between(point, 0xF900, 0xFAFF) ||
                       is_between(point, 0xFE30, 0xFE6F) || is_between(point, 0xFF00, 0xFF60) ||
                       is_between(point, 0x1F300, 0x1F64F) || is_between(point, 0x1F900, 0x1F9FF) ||
                       is_between(point, 0x20000, 0x3FFFD);
  return is_wide ? 2 : 1;
}

/// Length of the escape sequence ("\x1b[1m") that the text begins with, or 0.
std::size_t escape_length(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  const std::size_t end = text.find_first_not_of("0123456789;", 2);
  return end == std::string_view::npos ? text.size() : end + 1;
}

std::size_t number_in(const std::map<std::string, std::string>& environment,
                      const std::string& name) {
  const auto found = environment.find(name);
  std::size_t number = 0;
  if (found != environment.end()) {
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
  }
  return number;
}

std::size_t terminal_width(const std::map<std::string, std::string>& environment, bool is_tty) {
  std::size_t width = number_in(environment, "COLUMNS");
  winsize size{};
  if (width == 0 && is_tty && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) width = size.ws_col;
  return width == 0 ? 0 : std::max(width, kNarrowest);
}

}  // namespace

std::string Terminal::paint(Colour colour, std::string_view text) const {
  constexpr std::array<std::string_view, 6> kCodes{"31", "32", "33", "36", "90", "1"};
  if (!has_colour || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes[static_cast<std::size_t>(colour)], text);
}

Terminal standard_terminal(const std::map<std::string, std::string>& environment) {
  const bool is_tty = ::isatty(STDOUT_FILENO) == 1;
  const auto text = [&](const std::string& name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  return {.out = std::cout,
          .err = std::cerr,
          .is_interactive = is_tty && ::isatty(STDERR_FILENO) == 1 && text("TERM") != "dumb",
          .has_colour = is_tty && text("NO_COLOR").empty() && text("TERM") != "dumb",
          .width = terminal_width(environment, is_tty)};
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    if (const std::size_t escape = escape_length(text); escape > 0) {
      text.remove_prefix(escape);
      continue;
    }
    const Glyph glyph = first_glyph(text);
    width += columns_of(glyph.point);
    text.remove_prefix(glyph.bytes);
  }
  return width;
}

std::string truncate_text(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  if (width == 0) return {};
  std::size_t taken = 0;
  std::string out;
  bool is_painted = false;
  while (!text.empty()) {
    if (const std::size_t escape = escape_length(text); escape > 0) {
      is_painted = true;
      out += text.substr(0, escape);
      text.remove_prefix(escape);
      continue;
    }
    const Glyph glyph = first_glyph(text);
    if (taken + columns_of(glyph.point) > width - 1) break;
    taken += columns_of(glyph.point);
    out += text.substr(0, glyph.bytes);
    text.remove_prefix(glyph.bytes);
  }
  return out + "…" + (is_painted ? "\x1b[0m" : "");
}

std::string pad_text(std::string_view text, std::size_t width) {
  const std::size_t taken = display_width(text);
  return std::string(text) + std::string(taken < width ? width - taken : 0, ' ');
}

std::string wrap_text(std::string_view text, std::size_t width, std::size_t indent) {
  const std::string margin(indent, ' ');
  std::string out;
  std::string line;
  const auto end_line = [&] {
    if (!line.empty()) out += margin + line + "\n";
    line.clear();
  };
  while (!text.empty()) {
    const std::size_t space = text.find_first_of(" \n");
    const std::string_view word = text.substr(0, space);
    if (!word.empty() && !line.empty() &&
        indent + display_width(line) + 1 + display_width(word) > width)
      end_line();
    if (!word.empty()) line += (line.empty() ? "" : " ") + std::string(word);
    if (space == std::string_view::npos) break;
    if (text[space] == '\n') {
      if (line.empty()) out += "\n";
      end_line();
    }
    text.remove_prefix(space + 1);
  }
  end_line();
  return out;
}

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Glyph glyph = first_glyph(text);
    const bool is_control = (glyph.point < 0x20 && glyph.point != '\n' && glyph.point != '\t') ||
                            is_between(glyph.point, 0x7F, 0x9F);
    const bool is_broken = glyph.bytes == 1 && glyph.point >= 0x80;
    const bool is_reordering =
        is_between(glyph.point, 0x202A, 0x202E) || is_between(glyph.point, 0x2066, 0x2069);
    if (glyph.point == '\r' && text.size() > 1 && text[1] == '\n') {
      // A line that ends as on Windows is a line.
    } else if (is_control || is_broken) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(glyph.point));
    } else if (is_reordering) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(glyph.point));
    } else {
      out += text.substr(0, glyph.bytes);
    }
    text.remove_prefix(glyph.bytes);
  }
  return out;
}

}  // namespace croft::cli
