#include "providers/docker/engine/dockerignore.hpp"

#include <algorithm>

#include "core/net/http.hpp"

namespace croft::docker {

namespace {

constexpr std::string_view kBlank = " \t\r\v\f";

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

/// The letters of a text that is UTF-8, else its bytes.
std::u32string letters_of(std::string_view text) {
  std::u32string letters;
  if (!is_utf8(text)) {
    for (const char c : text) letters += static_cast<unsigned char>(c);
    return letters;
  }
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    char32_t letter = size == 1 ? first : first & (0xffU >> (size + 1));
    for (std::size_t k = 1; k < size; ++k) {
      letter = letter << 6U | (static_cast<unsigned char>(text[i + k]) & 0x3fU);
    }
    letters += letter;
    i += size;
  }
  return letters;
}

/// As Go's filepath.Clean, without the slash at the beginning: "a//b/./c/../d/" is "a/b/d".
std::string clean(std::string_view path) {
  std::vector<std::string_view> names;
  const bool is_rooted = path.starts_with('/');
  while (!path.empty()) {
    const std::size_t end = path.find('/');
    const std::string_view name = path.substr(0, end);
    path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
    if (name.empty() || name == ".") continue;
    const bool can_go_up = !names.empty() && names.back() != "..";
    if (name == ".." && can_go_up)
      names.pop_back();
    else if (name != ".." || !is_rooted)
      names.push_back(name);
  }
  std::string out;
  for (const std::string_view name : names) out += (out.empty() ? "" : "/") + std::string(name);
  return out;
}

}  // namespace

Result<DockerIgnore> DockerIgnore::parse(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  DockerIgnore ignore;
  for (int line = 1; !text.empty(); ++line) {
    const std::size_t end = text.find('\n');
    std::string_view pattern = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (pattern.starts_with('#')) continue;
    pattern = trim(pattern);
    const bool takes_in = pattern.starts_with('!');
    if (takes_in) pattern = trim(pattern.substr(1));
    if (takes_in && pattern.empty()) {
      return fail(
          Error(ErrorCode::Invalid, "a '!' without a pattern").at({".dockerignore", line, 1}));
    }
    const std::string path = clean(pattern);
    if (path.empty()) continue;
    Result<std::vector<Step>> steps = read_steps(path);
    if (!steps) return fail(std::move(steps.error()).at({".dockerignore", line, 1}));
    ignore.patterns_.push_back({takes_in, std::move(*steps)});
  }
  return ignore;
}

Result<std::vector<DockerIgnore::Step>> DockerIgnore::read_steps(std::string_view pattern) {
  using Kind = Step::Kind;
  const std::u32string letters = letters_of(pattern);
  std::vector<Step> steps;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    const char32_t letter = letters[i];
    const auto next = [&] { return i + 1 < letters.size() ? letters[i + 1] : U'\0'; };
    if (letter == U'*' && next() == U'*') {
      ++i;
      if (next() == U'/') ++i;
      steps.push_back({.kind = i + 1 == letters.size() ? Kind::Everything : Kind::Directories});
    } else if (letter == U'*') {
      steps.push_back({.kind = Kind::Letters});
    } else if (letter == U'?') {
      steps.push_back({.kind = Kind::AnyLetter});
    } else if (letter == U'[') {
      TRY_ASSIGN(Step step, read_class(letters, i));
      steps.push_back(std::move(step));
    } else if (letter == U'\\') {
      if (++i == letters.size()) return fail(ErrorCode::Invalid, "a '\\' with nothing after it");
      steps.push_back({.letter = letters[i]});
    } else {
      steps.push_back({.letter = letter});
    }
  }
  return steps;
}

/// From its "[" to its "]", where `at` is left.
Result<DockerIgnore::Step> DockerIgnore::read_class(const std::u32string& letters,
                                                    std::size_t& at) {
  Step step{.kind = Step::Kind::Class};
  const auto open = fail(ErrorCode::Invalid, "a '[' without its ']', or with nothing in it");
  const auto take = [&]() -> std::optional<char32_t> {
    if (at < letters.size() && letters[at] == U'\\') ++at;
    if (at >= letters.size()) return std::nullopt;
    return letters[at++];
  };
  if (++at < letters.size() && letters[at] == U'^') {
    step.is_negated = true;
    ++at;
  }
  while (at < letters.size() && letters[at] != U']') {
    const auto from = take();
    if (!from) return open;
    auto to = from;
    if (at < letters.size() && letters[at] == U'-') {
      ++at;
      if (at < letters.size() && letters[at] == U']') return open;
      to = take();
    }
    if (!to || *to < *from) return open;
    step.ranges.push_back({*from, *to});
  }
  if (at >= letters.size() || step.ranges.empty()) return open;
  return step;
}

/// Goes through the path once, with all the places of the pattern that it may be at.
bool DockerIgnore::matches(const std::vector<Step>& steps, const std::u32string& path) {
  using Kind = Step::Kind;
  std::vector<char> places(steps.size() + 1, 0);
  places[0] = 1;
  const auto skip_what_may_be_nothing = [&] {
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const Kind kind = steps[i].kind;
      const bool may_be_nothing = kind == Kind::Letters || kind == Kind::Everything;
      if (places[i] == 1 && may_be_nothing) places[i + 1] = 1;
      // Not from 2, the middle of a name.
      if (places[i] == 1 && kind == Kind::Directories) places[i + 1] = 1;
    }
  };
  for (const char32_t letter : path) {
    skip_what_may_be_nothing();
    std::vector<char> after(steps.size() + 1, 0);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (places[i] == 0) continue;
      const Step& step = steps[i];
      switch (step.kind) {
        case Kind::Letter:
          if (letter == step.letter) after[i + 1] = 1;
          break;
        case Kind::AnyLetter:
          if (letter != U'/') after[i + 1] = 1;
          break;
        case Kind::Class: {
          const bool is_in = std::ranges::any_of(step.ranges, [&](const Step::Range& range) {
            return letter >= range.from && letter <= range.to;
          });
          if (is_in != step.is_negated) after[i + 1] = 1;
          break;
        }
        case Kind::Letters:
          if (letter != U'/') after[i] = 1;
          break;
        case Kind::Everything:
          after[i] = 1;
          break;
        case Kind::Directories:
          if (letter == U'/') after[i] = 1;
          if (after[i] == 0) after[i] = 2;
          break;
      }
    }
    places = std::move(after);
  }
  skip_what_may_be_nothing();
  return places[steps.size()] != 0;
}

bool DockerIgnore::excludes(std::string_view path) const {
  std::vector<std::u32string> above;  // and itself
  for (std::size_t at = path.find('/'); at != std::string_view::npos; at = path.find('/', at + 1)) {
    above.push_back(letters_of(path.substr(0, at)));
  }
  above.push_back(letters_of(path));
  bool is_out = false;
  for (const Pattern& pattern : patterns_) {
    if (pattern.takes_in != is_out) continue;
    const bool matched = std::ranges::any_of(
        above, [&](const std::u32string& each) { return matches(pattern.steps, each); });
    if (matched) is_out = !pattern.takes_in;
  }
  return is_out;
}

}  // namespace croft::docker
