#include "core/manifest/compose/dotenv.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace croft::manifest::compose {

namespace {

constexpr std::size_t kLongestValue = 131'072;
constexpr std::size_t kMostLines = 2'000;
constexpr std::size_t kMostText = 1 << 20;  // of all values: each may hold the ones before
constexpr std::size_t kMostProblems = 50;
constexpr std::string_view kBlank = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  });
}

// Puts escapes of a text in double quotes into effect; what must not be taken for a variable is
// doubled.
std::string expanded(std::string_view text) {
  std::string made;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      made += text[i];
      continue;
    }
    const char next = text[++i];
    switch (next) {
      case 'n':
        made += '\n';
        break;
      case 'r':
        made += '\r';
        break;
      case 't':
        made += '\t';
        break;
      case '$':
        made += "$$";
        break;
      case '"':
      case '\\':
        made += next;
        break;
      default:
        made += '\\';
        made += next;
    }
  }
  return made;
}

std::string_view without_comment(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '#' && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t'))
      return text.substr(0, i);
  }
  return text;
}

class Lines {
 public:
  Lines(std::string_view text, bool is_raw, Variables& known)
      : text_(text), is_raw_(is_raw), known_(known) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  EnvironmentFile run() {
    while (at_ < text_.size() && errors_ < kMostProblems) {
      ++line_;
      const std::size_t begin = at_;
      const std::size_t end = std::min(text_.find('\n', at_), text_.size());
      at_ = std::min(end + 1, text_.size());
      const std::string_view shown = trimmed(text_.substr(begin, end - begin));
      if (shown.empty() || shown.starts_with('#')) continue;
      if (made_.lines.size() >= kMostLines) {
        complain(fmt::format("the file has more than {} variables", kMostLines), "");
        break;
      }
      take(begin, end);
      if (made_.bytes > kMostText) {
        complain(fmt::format("the values of this file are longer than {} KiB", kMostText >> 10),
                 "they hold variables that are long themselves: split the file, or shorten them");
        break;
      }
    }
    return std::move(made_);
  }

 private:
  void take(std::size_t begin, std::size_t end) {
    const std::string_view line = text_.substr(begin, end - begin);
    const std::size_t separator = is_raw_ ? line.find('=') : line.find_first_of("=:");
    const std::string_view name = name_in(line.substr(0, separator));
    if (!is_name(name)) {
      return complain(fmt::format("'{}' is no name of a variable", name.substr(0, 60)),
                      "a line is NAME=VALUE");
    }
    EnvironmentFile::Line made{std::string(name), std::nullopt, line_};
    if (separator != std::string_view::npos) {
      made.value = is_raw_ ? raw(line.substr(separator + 1)) : value(begin + separator + 1, end);
      known_.set(name, *made.value);
      made_.bytes += made.value->size();
    }
    made_.bytes += name.size();
    made_.lines.push_back(std::move(made));
  }

  std::string_view name_in(std::string_view text) const {
    constexpr std::string_view kExport = "export";
    const std::string_view name = trimmed(text);
    const bool is_exported = !is_raw_ && name.starts_with(kExport) &&
                             name.size() > kExport.size() &&
                             kBlank.find(name[kExport.size()]) != std::string_view::npos;
    return is_exported ? trimmed(name.substr(kExport.size())) : name;
  }

  static std::string raw(std::string_view rest) {
    if (rest.ends_with('\r')) rest.remove_suffix(1);
    return std::string(rest);
  }

  std::string value(std::size_t begin, std::size_t end) {
    const std::size_t first = text_.find_first_not_of(" \t", begin);
    if (first == std::string_view::npos || first >= end) return {};
    if (text_[first] == '\'' || text_[first] == '"') return quoted(first);
    return substituted(trimmed(without_comment(text_.substr(first, end - first))));
  }

  std::string quoted(std::size_t first) {
    const char quote = text_[first];
    std::size_t close = first + 1;
    while (close < text_.size() && text_[close] != quote) {
      const bool is_escape = text_[close] == '\\' && close + 1 < text_.size() &&
                             (quote == '"' || text_[close + 1] == '\'');
      close += is_escape ? 2 : 1;
    }
    if (close >= text_.size()) {
      complain("the quote of this value is never closed", "");
      return {};
    }
    const std::string_view inside = text_.substr(first + 1, close - first - 1);
    const std::size_t end = std::min(text_.find('\n', close), text_.size());
    const std::string_view behind = trimmed(text_.substr(close + 1, end - close - 1));
    if (!behind.empty() && !behind.starts_with('#'))
      complain("something stands behind the closing quote", "put the whole value into the quotes");
    line_ += static_cast<std::uint32_t>(std::ranges::count(inside, '\n'));
    at_ = std::min(end + 1, text_.size());
    return quote == '\'' ? literal(inside) : substituted(expanded(inside));
  }

  // In single quotes only \' is an escape.
  static std::string literal(std::string_view text) {
    std::string made;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '\'') ++i;
      made += text[i];
    }
    return made;
  }

  std::string substituted(std::string_view text) {
    Substitution made = substitute(text, known_, kLongestValue);
    if (!made.error.empty()) complain("the value " + made.error, made.hint);
    for (const std::string& name : made.missing) {
      if (warned_.size() == kMostProblems || !warned_.insert(name).second) continue;
      made_.problems.push_back(
          {line_, fmt::format("the variable {} is not set; it stands for nothing", name),
           "set it in the Stack's 'variables', or in a line before this one", true});
    }
    return std::move(made.text);
  }

  void complain(std::string message, std::string hint) {
    ++errors_;
    made_.problems.push_back({line_, std::move(message), std::move(hint)});
  }

  std::string_view text_;
  bool is_raw_;
  Variables& known_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 0;
  std::size_t errors_ = 0;
  std::set<std::string> warned_;  ///< variables that nothing sets
  EnvironmentFile made_;
};

}  // namespace

EnvironmentFile read_environment(std::string_view text, Variables& known) {
  return Lines(text, false, known).run();
}

EnvironmentFile read_raw_environment(std::string_view text, Variables& known) {
  return Lines(text, true, known).run();
}

}  // namespace croft::manifest::compose
