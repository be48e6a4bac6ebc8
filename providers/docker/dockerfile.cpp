#include "providers/docker/dockerfile.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "core/base/value.hpp"
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

Error refusal(std::string message, std::string hint) {
  return Error(ErrorCode::Invalid, std::move(message)).with_hint(std::move(hint));
}

bool is_plain_space(char c) { return c == ' ' || c == '\t'; }

std::string_view without_right_space(std::string_view text) {
  while (!text.empty() && is_plain_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// Engines take these for white space.
bool has_wide_space(std::string_view text) {
  constexpr std::array<std::string_view, 10> kSpaces{
      "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\xA8", "\xE2\x80\xA9",
      "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80", "\xEF\xBB\xBF", "\xE2\x80\x8B"};
  if (std::ranges::any_of(kSpaces, [&](std::string_view one) { return text.contains(one); }))
    return true;
  for (std::size_t at = text.find("\xE2\x80"); at != std::string_view::npos;
       at = text.find("\xE2\x80", at + 1)) {
    const auto last = static_cast<unsigned char>(at + 2 < text.size() ? text[at + 2] : '\0');
    if (last >= 0x80 && last <= 0x8A) return true;
  }
  return false;
}

Result<std::vector<std::string>> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) {
    if (line.ends_with('\r')) line.pop_back();
    const auto is_control = [](char c) {
      return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
    };
    if (std::ranges::any_of(line, is_control))
      return fail(refusal(
          fmt::format("line {} of the Dockerfile has a control character", lines.size() + 1),
          "remove it, or write it as an escape of the shell"));
    lines.push_back(std::move(line));
  }
  return lines;
}

/// The key and the value of "# key = value".
std::optional<std::pair<std::string, std::string>> directive_of(const std::string& line) {
  const std::string plain = trimmed(line);
  const std::size_t equals = plain.find('=');
  if (!plain.starts_with('#') || equals == std::string::npos) return std::nullopt;
  return std::pair(lower(trimmed(std::string_view(plain).substr(1, equals - 1))),
                   trimmed(std::string_view(plain).substr(equals + 1)));
}

/// "# escape=`" may stand in the first line, or after "# syntax=" only. Engines of different ages
/// do not agree which further comments end the directives, so it must not stand after others.
Result<char> escape_of(const std::vector<std::string>& lines) {
  bool may_follow = true;
  for (const std::string& line : lines) {
    const std::string plain = trimmed(line);
    if (!plain.empty() && !plain.starts_with('#')) break;
    const auto directive = directive_of(line);
    const bool is_escape = directive && directive->first == "escape";
    if (is_escape && may_follow && line.starts_with('#')) {
      if (directive->second == "`" || directive->second == "\\") return directive->second[0];
      may_follow = false;
    }
    if (is_escape && directive->second != "\\")
      return fail(refusal("the Dockerfile's '" + plain + "' does not count where it stands",
                          "make `# escape=` the first line, or remove it"));
    may_follow = may_follow && directive && directive->first == "syntax";
  }
  return '\\';
}

constexpr std::array<std::string_view, 18> kInstructions{
    "add",    "arg",   "cmd",         "copy",  "entrypoint", "env",
    "expose", "from",  "healthcheck", "label", "maintainer", "onbuild",
    "run",    "shell", "stopsignal",  "user",  "volume",     "workdir"};

bool is_instruction(const std::string& word) {
  return std::ranges::find(kInstructions, lower(word)) != kInstructions.end();
}

/// Those that can take from an image, or say which.
bool may_take(const std::string& word) {
  constexpr std::array<std::string_view, 6> kTaking{"add", "arg", "copy", "from", "onbuild", "run"};
  return std::ranges::find(kTaking, lower(word)) != kTaking.end();
}

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::istringstream stream(line);
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

struct Instruction {
  std::string text;
  std::size_t line;  ///< it begins at, from 1
};

/// Joins continued lines and leaves comments out. What engines of different ages read differently
/// is refused: a doubled escape at a line's end, and an instruction after an indented comment
/// within another.
class Joiner {
 public:
  explicit Joiner(char escape) : escape_(escape) {}

  Result<void> add(const std::string& line) {
    ++line_;
    const std::string plain = trimmed(line);
    if (plain.starts_with('#')) {
      is_doubtful_ = is_doubtful_ || (goes_on_ && !line.starts_with('#'));
      return {};
    }
    if (plain.empty() && goes_on_) return {};
    const std::vector<std::string> words = words_of(plain);
    if (is_doubtful_ && may_take(words[0]))
      return fail(refusal(fmt::format("the Dockerfile's '{}' after an indented comment may be an "
                                      "instruction of its own or not",
                                      words[0]),
                          "move the comment to the line's beginning, or out of the instruction"));
    is_doubtful_ = false;
    if (!goes_on_) begins_at_ = line_;
    std::string_view rest = goes_on_ ? std::string_view(line) : std::string_view(plain);
    const std::string_view body = without_right_space(rest);
    goes_on_ = body.ends_with(escape_);
    if (goes_on_) rest = body.substr(0, body.size() - 1);
    if (goes_on_ && rest.ends_with(escape_))
      return fail(refusal(fmt::format("a line of the Dockerfile ends with '{0}{0}'", escape_),
                          "write something after it, or one of them"));
    current_ += rest;
    if (!goes_on_) end();
    return {};
  }
  std::vector<Instruction> finish() && {
    end();
    return std::move(instructions_);
  }

 private:
  void end() {
    if (!trimmed(current_).empty())
      instructions_.push_back({.text = std::move(current_), .line = begins_at_});
    current_.clear();
  }
  char escape_;
  bool goes_on_ = false;
  bool is_doubtful_ = false;
  std::size_t line_ = 0;
  std::size_t begins_at_ = 0;
  std::string current_;
  std::vector<Instruction> instructions_;
};

struct Reading {
  const Variables& given;
  Variables variables;
  std::set<std::string> declared;
  std::set<std::string> stages;  ///< that have ended
  std::string stage;             ///< that is being read
  int stage_count = 0;
  std::vector<std::string> images;
};

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && (name[0] < '0' || name[0] > '9') &&
         std::ranges::all_of(name, is_name_char);
}

Error unreadable(std::string_view text) {
  return refusal(fmt::format("the Dockerfile's '{}' cannot be told before the build", text),
                 "use $NAME, ${NAME}, ${NAME:-word} or ${NAME:+word} of an ARG before the first "
                 "FROM that has a value");
}

/// Of what stands behind the "$": NAME, NAME:-word or NAME:+word. Never empty.
Result<std::string> value_of(const Variables& variables, const std::string& expression) {
  const std::size_t colon = expression.find(':');
  const std::string name = expression.substr(0, colon);
  if (!is_variable_name(name)) return fail(unreadable("$" + expression));
  const auto found = variables.find(name);
  std::string value = found == variables.end() ? "" : found->second;
  if (colon != std::string::npos) {
    const std::string sign = expression.substr(colon + 1, 1);
    const std::string word = expression.substr(std::min(colon + 2, expression.size()));
    if (sign != "-" && sign != "+") return fail(unreadable("$" + expression));
    if (value.empty() == (sign == "-")) value = word;
  }
  if (value.empty()) return fail(unreadable("$" + expression));
  return value;
}

Result<std::string> filled_in(const std::string& text, const Variables& variables) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '$') {
      out += text[at++];
      continue;
    }
    const bool is_braced = text.substr(at + 1, 1) == "{";
    const std::size_t begin = at + (is_braced ? 2 : 1);
    std::size_t end = begin;
    while (end < text.size() && (is_braced ? text[end] != '}' : is_name_char(text[end]))) ++end;
    if (is_braced && end == text.size()) return fail(unreadable(text));
    TRY_ASSIGN(const std::string value, value_of(variables, text.substr(begin, end - begin)));
    out += value;
    at = end + (is_braced ? 1 : 0);
  }
  return out;
}

/// Words as engines split them: quotes keep white space together, and stay.
std::vector<std::string> quoted_words_of(std::string_view line) {
  std::vector<std::string> words(1);
  char quote = '\0';
  for (const char c : line) {
    const bool ends = quote == '\0' && is_plain_space(c);
    if (ends && !words.back().empty()) words.emplace_back();
    if (ends) continue;
    words.back() += c;
    if (quote == '\0' && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = '\0';
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

/// A default: plain, or in one pair of quotes.
Result<std::string> default_of(const std::string& text, const Variables& variables) {
  const bool is_quoted = text.size() > 1 && text.front() == text.back() &&
                         (text.front() == '"' || text.front() == '\'');
  const std::string inner = is_quoted ? text.substr(1, text.size() - 2) : text;
  const bool is_literal = is_quoted && text.front() == '\'';
  if (inner.find_first_of("\"'") != std::string::npos ||
      (is_literal && inner.find('$') != std::string::npos))
    return fail(refusal(fmt::format("the Dockerfile's ARG before the first FROM has '{}'", text),
                        "write its value without inner quotes"));
  if (inner.empty()) return std::string();
  return filled_in(inner, variables);
}

/// Only what stands before the first FROM is known to FROMs.
Result<void> read_argument(Reading& reading, const std::string& instruction) {
  if (reading.stage_count > 0) return {};
  if (instruction.find_first_of("\\`") != std::string::npos)
    return fail(refusal(fmt::format("the Dockerfile has an escape in '{}'", instruction),
                        "write ARGs before the first FROM without escapes"));
  const std::vector<std::string> words = quoted_words_of(instruction);
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    const std::string name = words[i].substr(0, equals);
    if (!is_variable_name(name) || !reading.declared.insert(name).second)
      return fail(
          refusal(fmt::format("the Dockerfile's ARG '{}' is declared twice, or no name", name),
                  "declare each ARG once before the first FROM"));
    const auto given = reading.given.find(name);
    if (given != reading.given.end()) {
      reading.variables[name] = given->second;
    } else if (equals != std::string::npos) {
      TRY_ASSIGN(reading.variables[name],
                 default_of(words[i].substr(equals + 1), reading.variables));
    }
  }
  return {};
}

bool may_be_id(const std::string& image) {
  return std::ranges::all_of(image, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

/// Of --from: a stage that has ended, by name or number, or an image. Builders fill no variables
/// in here.
Result<void> take_from(Reading& reading, const std::string& from) {
  if (from.empty() || from.find('$') != std::string::npos)
    return fail(refusal(fmt::format("the Dockerfile's --from '{}' names nothing", from),
                        "name a stage or an image; for a variable, write FROM $NAME AS name"));
  const bool is_number =
      from.size() < 4 && std::ranges::all_of(from, [](char c) { return c >= '0' && c <= '9'; });
  const bool is_stage = reading.stages.contains(lower(from)) ||
                        (is_number && std::stoi(from) + 1 < reading.stage_count);
  if (!is_stage && from != "scratch") reading.images.push_back(from);
  return {};
}

Result<void> take_mount(Reading& reading, const std::string& mount) {
  std::istringstream fields(mount);
  for (std::string field; std::getline(fields, field, ',');) {
    if (!lower(field).starts_with("from")) continue;
    const std::size_t equals = field.find('=');
    TRY(take_from(reading, equals == std::string::npos ? "" : field.substr(equals + 1)));
  }
  return {};
}

/// The first words that begin with "--". Engines take quotes and escapes out of them.
Result<std::size_t> read_flags(Reading& reading, const std::vector<std::string>& words) {
  std::size_t at = 1;
  for (; at < words.size() && words[at].starts_with("--"); ++at) {
    const std::string& word = words[at];
    if (word.find_first_of("\"'\\`") != std::string::npos || !is_ascii(word))
      return fail(refusal(fmt::format("the Dockerfile's flag {} has quotes, escapes or letters "
                                      "outside ASCII",
                                      word),
                          "write it plainly, as in --from=build"));
    const std::size_t equals = word.find('=');
    const std::string flag = lower(word.substr(0, equals));
    const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (flag == "--from") {
      TRY(take_from(reading, value));
    }
    if (flag == "--mount") {
      TRY(take_mount(reading, value));
    }
  }
  return at;
}

Result<void> check_stage_name(const std::string& name) {
  const bool is_name =
      name[0] >= 'a' && name[0] <= 'z' && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
      });
  if (is_name && !may_be_id(name)) return {};
  return fail(
      refusal(fmt::format("the Dockerfile's stage '{}' is called what may be an image's id, "
                          "or no name",
                          name),
              "begin it with a letter and use one beyond f, as in build"));
}

Result<void> read_from(Reading& reading, const std::string& instruction,
                       const std::vector<std::string>& words) {
  if (!is_ascii(instruction))
    return fail(refusal("the Dockerfile has letters outside ASCII in '" + instruction + "'",
                        "name images and stages with ASCII letters"));
  if (!reading.stage.empty()) reading.stages.insert(std::exchange(reading.stage, {}));
  TRY_ASSIGN(const std::size_t at, read_flags(reading, words));
  const bool has_name = at + 3 == words.size() && lower(words[at + 1]) == "as";
  if (at + 1 != words.size() && !has_name)
    return fail(refusal("the Dockerfile's '" + instruction + "' is not understood",
                        "write FROM image, or FROM image AS name"));
  TRY_ASSIGN(const std::string image, filled_in(words[at], reading.variables));
  if (!reading.stages.contains(lower(image)) && image != "scratch") reading.images.push_back(image);
  ++reading.stage_count;
  if (has_name) {
    reading.stage = lower(words[at + 2]);
    TRY(check_stage_name(reading.stage));
  }
  return {};
}

/// The sources of an ADD that lie elsewhere would be fetched by the engine itself, on this side of
/// all walls: from what listens at the host's loopback, too. Engines fill variables in and take
/// quotes and escapes out before they look, so that what could become an address is refused as
/// well.
Result<void> check_sources(const std::vector<std::string>& words, std::size_t first) {
  std::string sources;
  for (std::size_t i = first; i < words.size(); ++i) {
    sources += words[i];
    sources += ' ';
  }
  const bool is_list = sources.starts_with('[');
  // What only looks like a list would be taken apart at its spaces.
  const Result<Value> list = is_list ? parse_json(sources) : Value::list();
  if (!list || !list->is_list())
    return fail(refusal("the Dockerfile's ADD begins with '[' and is no JSON list",
                        "write it as ADD [\"file\", \"/place\"]"));
  // No address belongs into where it goes to, either.
  std::string all = sources;
  std::erase_if(all, [](char c) { return c == '"' || c == '\''; });
  while (sources.ends_with(' ') || (is_list && sources.ends_with(']'))) sources.pop_back();
  // The last is where it goes to; what JSON has between its commas is a word, too.
  sources.resize(std::min(sources.size(), sources.find_last_of(" ,") + 1));
  if (sources.find_first_of("$\\`") != std::string::npos)
    return fail(refusal(fmt::format("the Dockerfile's ADD has a variable or an escape in '{}', "
                                    "which could make an address",
                                    sources),
                        "write the source plainly, or use COPY for files of the repository"));
  if (!all.contains("://") && !all.contains("git@")) return {};
  return fail(refusal(
      fmt::format("the Dockerfile's ADD takes '{}' from elsewhere, and the engine itself would "
                  "fetch it, past all walls",
                  trimmed(all)),
      "put the file into the repository, or fetch it in a RUN step, which has the walls"));
}

/// "<<EOF": the classic builder has none, and what follows would be read in two ways.
bool begins_document(std::string_view word) {
  while (!word.empty() && word.front() >= '0' && word.front() <= '9') word.remove_prefix(1);
  return word.size() > 2 && word.starts_with("<<") && word[2] != '<';
}

Result<void> read_instruction(Reading& reading, const std::string& instruction) {
  const std::vector<std::string> words = words_of(instruction);
  const std::string verb = lower(words[0]);
  if (!is_instruction(verb) || has_wide_space(instruction))
    return fail(refusal(
        fmt::format("the Dockerfile's '{}' is no instruction, or has white space that is not ASCII",
                    instruction.substr(0, 60)),
        "begin each instruction with a word as FROM or RUN, and use plain spaces"));
  if (verb == "arg") return read_argument(reading, instruction);
  if (verb == "from") return read_from(reading, instruction, words);
  if (verb == "onbuild") {
    // Run in other builds, whose stages are not these.
    Reading later{.given = reading.given};
    const std::string rest = trimmed(instruction).substr(verb.size());
    if (!trimmed(rest).empty()) {
      TRY(read_instruction(later, trimmed(rest)));
    }
    reading.images.insert(reading.images.end(), later.images.begin(), later.images.end());
    return {};
  }
  if (verb != "copy" && verb != "add" && verb != "run") return {};
  TRY_ASSIGN(const std::size_t first, read_flags(reading, words));
  if (verb == "add") {
    TRY(check_sources(words, first));
  }
  if (std::ranges::any_of(words, begins_document))
    return fail(refusal("the Dockerfile has a here-document in '" + instruction.substr(0, 60) + "'",
                        "engines build without BuildKit here: write a file and COPY it"));
  return {};
}

Result<std::vector<Instruction>> instructions_of(std::string_view text) {
  TRY_ASSIGN(const std::vector<std::string> lines, lines_of(text));
  TRY_ASSIGN(const char escape, escape_of(lines));
  Joiner joiner(escape);
  for (const std::string& line : lines) {
    TRY(joiner.add(line));
  }
  return std::move(joiner).finish();
}

}  // namespace

Result<std::vector<std::string>> images_of_dockerfile(std::string_view text,
                                                      const Variables& arguments) {
  Reading reading{.given = arguments};
  TRY_ASSIGN(const std::vector<Instruction> instructions, instructions_of(text));
  for (const Instruction& instruction : instructions) {
    TRY(while_doing(read_instruction(reading, instruction.text),
                    fmt::format("reading line {} of the Dockerfile", instruction.line)));
  }
  return std::move(reading.images);
}

Result<void> check_dockerfile(std::string_view text, const Variables& arguments) {
  TRY_ASSIGN(const std::vector<std::string> images, images_of_dockerfile(text, arguments));
  for (const std::string& image : images) {
    if (may_be_id(image))
      return fail(
          refusal(fmt::format("the Dockerfile takes '{}', which may be an image's id", image),
                  "write the name with a tag, as in " + image + ":latest"));
    const Result<ImageName> name = parse_image_name(image);
    if (!name) return fail(Error(name.error()).while_doing("reading the Dockerfile"));
  }
  return {};
}

Result<void> check_triggers(const std::vector<std::string>& triggers) {
  const Variables none;
  for (const std::string& trigger : triggers) {
    TRY_ASSIGN(const std::vector<std::string> images,
               while_doing(images_of_dockerfile(trigger, none),
                           fmt::format("reading its step 'ONBUILD {}'", trigger)));
    if (images.empty()) continue;
    return fail(refusal(
        fmt::format("it has the step 'ONBUILD {}', which takes from '{}'", trigger, images.front()),
        "use a base image whose ONBUILD steps take nothing from other images"));
  }
  return {};
}

}  // namespace croft::docker
