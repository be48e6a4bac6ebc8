#include "core/manifest/compose/source.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/manifest/reporter.hpp"

namespace croft::manifest::compose {

namespace {

std::size_t offset_of(std::string_view text, std::uint32_t line, std::uint32_t column) {
  std::size_t offset = 0;
  for (std::uint32_t i = 1; i < line; ++i) {
    const std::size_t end = text.find('\n', offset);
    if (end == std::string_view::npos) return text.size();
    offset = end + 1;
  }
  return std::min(text.size(), offset + column - 1);
}

// All but the offset, which takes a walk through the text.
yaml::Mark shown_mark(const Source& source, yaml::Mark mark) {
  if (source.only_place) return *source.only_place;
  mark.line += source.lines_before;
  mark.column += source.columns_before;
  return mark;
}

}  // namespace

std::uint32_t Sources::add(Source source) {
  all_.push_back(std::make_unique<Source>(std::move(source)));
  return static_cast<std::uint32_t>(all_.size() - 1);
}

void Complaints::error(const Spot& spot, std::string message, std::string hint) {
  report(Weight::Error, spot, std::move(message), std::move(hint));
}

void Complaints::warning(const Spot& spot, std::string message, std::string hint) {
  report(Weight::Warning, spot, std::move(message), std::move(hint));
}

SourcePosition Complaints::position_of(const Spot& spot) const {
  const Source& source = sources_.of(spot);
  const yaml::Mark mark = shown_mark(source, spot.mark);
  return {source.file, static_cast<int>(mark.line), static_cast<int>(mark.column)};
}

void Complaints::report(Weight weight, const Spot& spot, std::string message, std::string hint) {
  const Source& source = sources_.of(spot);
  if (diagnostics_.list.size() >= Diagnostics::kMost) {
    // It is counted, and not shown.
    Diagnostic counted;
    counted.weight = weight;
    return diagnostics_.add(std::move(counted));
  }
  yaml::Mark mark = shown_mark(source, spot.mark);
  if (source.lines_before != 0 && !source.only_place)
    mark.offset = static_cast<std::uint32_t>(offset_of(source.text, mark.line, mark.column));
  Diagnostic made = diagnose(source.file, source.text, mark, std::max(spot.length, 1U),
                             std::move(message), std::move(hint));
  made.weight = weight;
  // An alias, or a file that is included twice, says the same thing twice.
  if (std::ranges::find(diagnostics_.list, made) != diagnostics_.list.end()) return;
  diagnostics_.add(std::move(made));
}

bool TextBudget::spend(std::size_t bytes, const Spot& spot) {
  if (bytes < left_) {
    left_ -= bytes;
    return true;
  }
  if (left_ > 0)
    complaints_.error(spot,
                      fmt::format("the project's env files, and what is copied into its services, "
                                  "are longer than {} MiB in all",
                                  kMost >> 20),
                      "name fewer files, or shorter ones");
  left_ = 0;
  return false;
}

std::optional<TreeEntry> Repository::find(std::string_view path) {
  auto entry = tree_.entry(path);
  if (entry) return std::move(*entry);
  // A path that no tree can have is not there either.
  const ErrorCode code = entry.error().code();
  if (code != ErrorCode::NotFound && code != ErrorCode::Invalid && !failure_)
    failure_ = entry.error();
  return std::nullopt;
}

std::optional<std::string> Repository::read(const TreeEntry& file, std::size_t limit) {
  auto text = tree_.read(file.id, limit);
  if (text) return std::move(*text);
  if (text.error().code() != ErrorCode::Invalid && !failure_) failure_ = text.error();
  return std::nullopt;
}

std::string_view why_no_file(const TreeEntry& entry) {
  switch (entry.mode) {
    case FileMode::Link:
      return "is a symbolic link, which is not followed";
    case FileMode::Submodule:
      return "is a submodule, which is not read";
    case FileMode::Directory:
      return "is a directory";
    case FileMode::Regular:
    case FileMode::Executable:
      return "";
  }
  return "";
}

std::optional<std::string> resolve_path(std::string_view directory, std::string_view path) {
  if (path.starts_with('/') || path.find('\0') != std::string_view::npos) return std::nullopt;
  std::string made(directory);
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (made.empty()) return std::nullopt;
      made = parent_of(made);
      continue;
    }
    if (!made.empty()) made += '/';
    made += part;
  }
  return made;
}

std::string parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string() : std::string(path.substr(0, slash));
}

}  // namespace croft::manifest::compose
