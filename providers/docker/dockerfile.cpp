#include "providers/docker/dockerfile.hpp"

#include <algorithm>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "providers/docker/image_name.hpp"

namespace croft::docker {

namespace {

using Variables = std::map<std::string, std::string>;

std::string trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  return std::string(text);
}

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

/// "# escape=`" may stand in the first lines.
char escape_of(std::string_view text) {
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    line = lower(trimmed(line));
    if (!line.starts_with('#')) return '\\';
    line = trimmed(std::string_view(line).substr(1));
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) return '\\';
    if (trimmed(line.substr(0, equals)) == "escape" && trimmed(line.substr(equals + 1)) == "`")
      return '`';
  }
  return '\\';
}

/// Instructions with their continued lines joined and comments gone.
std::vector<std::string> instructions_of(std::string_view text) {
  const char escape = escape_of(text);
  std::vector<std::string> instructions;
  std::string current;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::string plain = trimmed(line);
    if (plain.starts_with('#') || (plain.empty() && !current.empty())) continue;
    const bool goes_on = plain.ends_with(escape);
    if (goes_on) plain.pop_back();
    current += plain;
    if (goes_on) continue;
    if (!current.empty()) instructions.push_back(std::move(current));
    current.clear();
  }
  if (!current.empty()) instructions.push_back(std::move(current));
  return instructions;
}

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::istringstream stream(line);
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::string unquoted(std::string text) {
  std::erase_if(text, [](char c) { return c == '"' || c == '\''; });
  return text;
}

std::string value_of(const Variables& variables, const std::string& expression) {
  const std::size_t colon = expression.find(':');
  const std::string name = expression.substr(0, colon);
  const auto found = variables.find(name);
  const std::string value = found == variables.end() ? "" : found->second;
  if (colon == std::string::npos || colon + 1 >= expression.size()) return value;
  const std::string other = expression.substr(colon + 2);
  if (expression[colon + 1] == '-') return value.empty() ? other : value;
  if (expression[colon + 1] == '+') return value.empty() ? "" : other;
  return value;
}

std::string filled_in(const std::string& text, const Variables& variables) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '$' || at + 1 >= text.size()) {
      out += text[at];
      continue;
    }
    std::size_t end = at + 1;
    std::string expression;
    if (text[end] == '{') {
      const std::size_t close = text.find('}', end);
      if (close == std::string::npos) return text;
      expression = text.substr(end + 1, close - end - 1);
      end = close + 1;
    } else {
      while (end < text.size() &&
             (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '_'))
        ++end;
      expression = text.substr(at + 1, end - at - 1);
    }
    out += value_of(variables, expression);
    at = end - 1;
  }
  return out;
}

struct Reading {
  Variables variables;
  const Variables& given;
  std::set<std::string> stages;
  int stage_count = 0;
  std::vector<std::string> images;
};

void read_argument(Reading& reading, const std::vector<std::string>& words) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    const std::string name = words[i].substr(0, equals);
    const auto given = reading.given.find(name);
    if (given != reading.given.end()) {
      reading.variables[name] = given->second;
    } else if (equals != std::string::npos) {
      reading.variables[name] = filled_in(unquoted(words[i].substr(equals + 1)), reading.variables);
    }
  }
}

void take_image(Reading& reading, const std::string& image) {
  const bool is_number =
      !image.empty() && std::ranges::all_of(image, [](char c) { return c >= '0' && c <= '9'; });
  const bool is_stage = reading.stages.contains(lower(image)) ||
                        (is_number && image.size() < 4 && std::stoi(image) < reading.stage_count);
  if (!is_stage && image != "scratch") reading.images.push_back(image);
}

void read_from(Reading& reading, const std::vector<std::string>& words) {
  std::size_t at = 1;
  while (at < words.size() && words[at].starts_with("--")) ++at;
  if (at >= words.size()) return;
  take_image(reading, filled_in(unquoted(words[at]), reading.variables));
  ++reading.stage_count;
  if (at + 2 < words.size() && lower(words[at + 1]) == "as")
    reading.stages.insert(lower(words[at + 2]));
}

void read_copy(Reading& reading, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (word.starts_with("--from="))
      take_image(reading, filled_in(unquoted(word.substr(7)), reading.variables));
  }
}

bool may_be_id(const std::string& image) {
  return std::ranges::all_of(image, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

}  // namespace

Result<std::vector<std::string>> images_of_dockerfile(std::string_view text,
                                                      const Variables& arguments) {
  Reading reading{.variables = {}, .given = arguments, .stages = {}, .images = {}};
  for (const std::string& instruction : instructions_of(text)) {
    std::vector<std::string> words = words_of(instruction);
    if (!words.empty() && lower(words[0]) == "onbuild") words.erase(words.begin());
    if (words.empty()) continue;
    const std::string verb = lower(words[0]);
    if (verb == "arg") read_argument(reading, words);
    if (verb == "from") read_from(reading, words);
    if (verb == "copy" || verb == "add" || verb == "run") read_copy(reading, words);
  }
  return std::move(reading.images);
}

Result<void> check_dockerfile(std::string_view text, const Variables& arguments) {
  TRY_ASSIGN(const std::vector<std::string> images, images_of_dockerfile(text, arguments));
  for (const std::string& image : images) {
    if (image.empty()) continue;  // a variable without a value: the builder says so
    if (may_be_id(image))
      return fail(Error(ErrorCode::Invalid,
                        fmt::format("the Dockerfile takes '{}', which may be an image's id", image))
                      .with_hint("write the name with a tag, as in " + image + ":latest"));
    const Result<ImageName> name = parse_image_name(image);
    if (!name) return fail(Error(name.error()).while_doing("reading the Dockerfile"));
  }
  return {};
}

}  // namespace croft::docker
