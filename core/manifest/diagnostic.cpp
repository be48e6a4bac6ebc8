#include "core/manifest/diagnostic.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <tuple>

#include <fmt/format.h>

#include "core/manifest/source_text.hpp"

namespace croft::manifest {

namespace {

constexpr std::string_view kRed = "\x1b[1;31m";
constexpr std::string_view kYellow = "\x1b[1;33m";
constexpr std::string_view kGreen = "\x1b[1;32m";
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kPlain = "\x1b[0m";

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Control characters and what is no UTF-8 become '?', tabs one space: what is shown lines up and
// cannot drive a terminal.
std::string printable(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = character_length(text, i);
    const auto lead = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are control characters too: C2 80 to C2 9F.
    const bool is_high_control =
        length == 2 && lead == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (text[i] == '\t') {
      clean += ' ';
    } else if (length == 0 || lead < 0x20 || lead == 0x7f || is_high_control) {
      clean += '?';
    } else {
      clean += text.substr(i, length);
    }
    i += std::max<std::size_t>(length, 1);
  }
  return clean;
}

// How many columns the text takes, counting a character as one; wide ones shift a caret a little,
// no more.
int columns_of(std::string_view text) {
  const std::string shown = printable(text);
  return static_cast<int>(std::ranges::count_if(shown, [](char c) { return !is_continuation(c); }));
}

std::string paint(std::string_view text, std::string_view color, RenderOptions options) {
  if (!options.color || text.empty()) return std::string(text);
  return fmt::format("{}{}{}", color, text, kPlain);
}

std::string header(const Diagnostic& diagnostic, RenderOptions options) {
  const SourcePosition& at = diagnostic.position;
  std::string place = printable(at.file);
  if (at.line > 0) place += fmt::format(":{}:{}", at.line, at.column);
  const bool is_error = diagnostic.weight == Weight::Error;
  // What is wrong with a set as a whole stands in no file.
  if (!place.empty()) place = paint(place + ":", kBold, options) + " ";
  return fmt::format("{}{} {}\n", place,
                     paint(is_error ? "error:" : "warning:", is_error ? kRed : kYellow, options),
                     printable(diagnostic.message));
}

std::string excerpt(const Diagnostic& diagnostic, RenderOptions options) {
  const std::string& line = diagnostic.source_line;
  const auto before = static_cast<std::size_t>(std::max(diagnostic.source_column - 1, 0));
  const std::string_view left = std::string_view(line).substr(0, std::min(before, line.size()));
  const std::string_view marked = std::string_view(line).substr(
      left.size(), static_cast<std::size_t>(std::max(diagnostic.span, 0)));
  const int width = std::max(columns_of(marked), 1);
  std::string caret = "^" + std::string(static_cast<std::size_t>(width - 1), '~');
  std::string text =
      fmt::format("{:>4} | {}\n     | {:{}}{}", diagnostic.position.line, printable(line), "",
                  columns_of(left), paint(caret, kGreen, options));
  if (!diagnostic.hint.empty()) text += " " + printable(diagnostic.hint);
  return text + "\n";
}

std::string summary(const Diagnostics& diagnostics) {
  std::set<std::string_view> files;
  std::size_t warnings = 0;
  for (const Diagnostic& one : diagnostics.list) {
    if (one.weight == Weight::Error) files.insert(one.position.file);
    if (one.weight == Weight::Warning) ++warnings;
  }
  const auto counted = [](std::size_t count, std::string_view word) {
    return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
  };
  if (diagnostics.errors == 0) return counted(warnings, "warning") + ".\n";
  std::string text;
  if (diagnostics.suppressed > 0) text = fmt::format("... and {} more.\n", diagnostics.suppressed);
  return text + fmt::format("{} in {}. Nothing was changed.\n",
                            counted(diagnostics.errors, "error"), counted(files.size(), "file"));
}

}  // namespace

void Diagnostics::add(Diagnostic diagnostic) {
  if (diagnostic.weight == Weight::Error) ++errors;
  if (list.size() < kMost) {
    list.push_back(std::move(diagnostic));
  } else {
    ++suppressed;
  }
}

void Diagnostics::append(Diagnostics other) {
  const std::size_t counted_before = errors + other.errors;
  for (Diagnostic& one : other.list) add(std::move(one));
  errors = counted_before;
  suppressed += other.suppressed;
}

void Diagnostics::sort() {
  std::ranges::sort(list, [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.position.file, a.position.line, a.position.column, a.message) <
           std::tie(b.position.file, b.position.line, b.position.column, b.message);
  });
}

std::string render(const Diagnostic& diagnostic, RenderOptions options) {
  std::string text = header(diagnostic, options);
  if (!diagnostic.source_line.empty()) {
    text += excerpt(diagnostic, options);
  } else if (!diagnostic.hint.empty()) {
    text += fmt::format("     | {}\n", printable(diagnostic.hint));
  }
  return text;
}

std::string render(const Diagnostics& diagnostics, RenderOptions options) {
  if (diagnostics.list.empty()) return "";
  std::string text;
  for (const Diagnostic& one : diagnostics.list) text += render(one, options);
  return text + summary(diagnostics);
}

Error to_error(const Diagnostics& diagnostics) {
  const auto first = std::ranges::find(diagnostics.list, Weight::Error, &Diagnostic::weight);
  if (first == diagnostics.list.end())
    return Error(ErrorCode::Invalid, "the manifests cannot be used");
  const SourcePosition& at = first->position;
  std::string message = fmt::format("{}:{}:{}: {}", at.file, at.line, at.column, first->message);
  if (at.line == 0) message = at.file.empty() ? first->message : at.file + ": " + first->message;
  if (diagnostics.errors > 1) message += fmt::format(" (and {} more)", diagnostics.errors - 1);
  Error error = Error(ErrorCode::Invalid, std::move(message)).at(at);
  return first->hint.empty() ? error : std::move(error).with_hint(first->hint);
}

}  // namespace croft::manifest
