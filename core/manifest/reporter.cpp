#include "core/manifest/reporter.hpp"

#include <algorithm>

namespace croft::manifest {

namespace {

// A line longer than this is shown in part, so that a file of one line does not fill the screen.
constexpr std::size_t kLongestLine = 160;
constexpr std::size_t kBeforeCaret = 60;

bool is_continuation(std::string_view text, std::size_t i) {
  return i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80;
}

}  // namespace

Diagnostic diagnose(const std::string& file, std::string_view text, const yaml::Mark& mark,
                    std::uint32_t length, std::string message, std::string hint) {
  Diagnostic made;
  made.position = {file, static_cast<int>(mark.line), static_cast<int>(mark.column)};
  made.message = std::move(message);
  made.hint = std::move(hint);
  const std::size_t offset = std::min<std::size_t>(mark.offset, text.size());
  const std::size_t begin = std::min(offset + 1, std::size_t{mark.column});
  std::size_t start = offset + 1 - begin;
  const std::size_t end = std::min(text.find_first_of("\r\n", offset), text.size());
  if (end - start > kLongestLine && offset - start > kBeforeCaret) start = offset - kBeforeCaret;
  while (start < offset && is_continuation(text, start)) ++start;
  std::size_t stop = std::min(end, start + kLongestLine);
  while (stop < end && is_continuation(text, stop)) ++stop;
  made.source_line = std::string(text.substr(start, stop - start));
  made.source_column = static_cast<int>(offset - start) + 1;
  made.span =
      static_cast<int>(std::clamp<std::size_t>(length, 1, std::max<std::size_t>(stop - offset, 1)));
  return made;
}

void Reporter::report(Weight weight, const yaml::Mark& mark, std::uint32_t length,
                      std::string message, std::string hint) {
  Diagnostic made = diagnose(file_, text_, mark, length, std::move(message), std::move(hint));
  made.weight = weight;
  if (!shows_lines_) made.source_line.clear();
  diagnostics_.add(std::move(made));
}

void Reporter::error(const yaml::Mark& mark, std::uint32_t length, std::string message,
                     std::string hint) {
  report(Weight::Error, mark, length, std::move(message), std::move(hint));
}

void Reporter::warning(const yaml::Mark& mark, std::uint32_t length, std::string message,
                       std::string hint) {
  report(Weight::Warning, mark, length, std::move(message), std::move(hint));
}

void Reporter::problem(const yaml::Problem& problem) {
  if (problem.length == 0) {
    Diagnostic made;
    made.position = {file_, 0, 0};
    made.message = problem.message;
    made.hint = problem.hint;
    return diagnostics_.add(std::move(made));
  }
  error(problem.mark, problem.length, problem.message, problem.hint);
}

}  // namespace croft::manifest
