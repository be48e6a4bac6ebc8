#include "lua/engine/pattern.hpp"

#include <cctype>

namespace croft::lua {

void PatternMatcher::step() {
  if (++steps_ < kStepsAtOnce) return;
  meter_.charge(steps_);
  steps_ = 0;
}

std::size_t PatternMatcher::match_at(std::size_t begin) {
  count_ = 0;
  depth_ = 0;
  const std::size_t end = match(begin, 0);
  meter_.charge(steps_ + 1);
  steps_ = 0;
  for (int i = 0; end != npos && i < count_; ++i) {
    if (captures_[static_cast<std::size_t>(i)].length == kOpen)
      throw Malformed{"unfinished capture"};
  }
  return end;
}

// One step of the pattern after the other; what has alternatives calls itself for the rest.
std::size_t PatternMatcher::match(std::size_t s, std::size_t p) {
  if (++depth_ > kDeepest) throw Malformed{"pattern too complex"};
  std::size_t result = npos;
  while (true) {
    step();
    if (p == pattern_.size()) {
      result = s;
      break;
    }
    const char c = pattern_[p];
    const char next = p + 1 < pattern_.size() ? pattern_[p + 1] : '\0';
    if (c == '(') {
      result = open_capture(s, p + (next == ')' ? 2 : 1), next == ')');
      break;
    }
    if (c == ')') {
      result = close_capture(s, p + 1);
      break;
    }
    if (c == '$' && p + 1 == pattern_.size()) {
      result = s == subject_.size() ? s : npos;
      break;
    }
    if (c == '%' && next == 'b') {
      s = balanced(s, p + 2);
      p += 4;
    } else if (c == '%' && next == 'f') {
      const std::size_t set = p + 2;
      if (set >= pattern_.size() || pattern_[set] != '[')
        throw Malformed{"missing '[' after '%f' in pattern"};
      p = end_of_item(set);
      if (!is_frontier(s, set, p)) s = npos;
    } else if (c == '%' && next >= '0' && next <= '9') {
      s = back_reference(s, next);
      p += 2;
    } else {
      const std::size_t end = end_of_item(p);
      const char quantifier = end < pattern_.size() ? pattern_[end] : '\0';
      if (quantifier == '*' || quantifier == '+' || quantifier == '-' || quantifier == '?') {
        result = match_single_item(s, p);
        break;
      }
      s = is_single_match(s, p, end) ? s + 1 : npos;
      p = end;
    }
    if (s == npos) break;
  }
  --depth_;
  return result;
}

// An item with a quantifier, and all that follows it.
std::size_t PatternMatcher::match_single_item(std::size_t s, std::size_t p) {
  const std::size_t end = end_of_item(p);
  switch (pattern_[end]) {
    case '?':
      if (is_single_match(s, p, end)) {
        if (const std::size_t found = match(s + 1, end + 1); found != npos) return found;
      }
      return match(s, end + 1);
    case '+':
      return is_single_match(s, p, end) ? most_first(s + 1, p, end) : npos;
    case '*':
      return most_first(s, p, end);
    default:
      return fewest_first(s, p, end);
  }
}

std::size_t PatternMatcher::most_first(std::size_t s, std::size_t p, std::size_t end) {
  std::size_t count = 0;
  for (; is_single_match(s + count, p, end); ++count) step();
  for (;; --count) {
    if (const std::size_t found = match(s + count, end + 1); found != npos) return found;
    if (count == 0) return npos;
  }
}

std::size_t PatternMatcher::fewest_first(std::size_t s, std::size_t p, std::size_t end) {
  for (;; ++s) {
    if (const std::size_t found = match(s, end + 1); found != npos) return found;
    if (!is_single_match(s, p, end)) return npos;
  }
}

std::size_t PatternMatcher::balanced(std::size_t s, std::size_t p) {
  if (p + 1 >= pattern_.size()) throw Malformed{"unbalanced pattern"};
  if (s >= subject_.size() || subject_[s] != pattern_[p]) return npos;
  const char open = pattern_[p];
  const char close = pattern_[p + 1];
  int depth = 1;
  for (std::size_t i = s + 1; i < subject_.size(); ++i) {
    step();
    if (subject_[i] == close) {
      if (--depth == 0) return i + 1;
    } else if (subject_[i] == open) {
      ++depth;
    }
  }
  return npos;
}

std::size_t PatternMatcher::open_capture(std::size_t s, std::size_t p, bool is_position) {
  if (count_ >= kMostCaptures) throw Malformed{"too many captures"};
  captures_[static_cast<std::size_t>(count_++)] = {s, is_position ? 0 : kOpen, is_position};
  const std::size_t found = match(s, p);
  if (found == npos) --count_;
  return found;
}

std::size_t PatternMatcher::close_capture(std::size_t s, std::size_t p) {
  int open = count_ - 1;
  while (open >= 0 && captures_[static_cast<std::size_t>(open)].length != kOpen) --open;
  if (open < 0) throw Malformed{"invalid pattern capture"};
  Capture& capture = captures_[static_cast<std::size_t>(open)];
  capture.length = s - capture.begin;
  const std::size_t found = match(s, p);
  if (found == npos) capture.length = kOpen;
  return found;
}

std::size_t PatternMatcher::back_reference(std::size_t s, char digit) {
  const int index = digit - '1';
  if (index < 0 || index >= count_ || captures_[static_cast<std::size_t>(index)].length == kOpen)
    throw Malformed{"invalid capture index"};
  const Capture& capture = captures_[static_cast<std::size_t>(index)];
  if (capture.is_position) return npos;  // no text is where it is
  meter_.charge(capture.length / 16);
  const std::string_view text = subject_.substr(capture.begin, capture.length);
  return subject_.substr(s).starts_with(text) ? s + text.size() : npos;
}

// %f[set]: between what is not in the set and what is; the ends of the subject count as '\0'.
bool PatternMatcher::is_frontier(std::size_t s, std::size_t set, std::size_t end) const {
  const char before = s == 0 ? '\0' : subject_[s - 1];
  const char here = s < subject_.size() ? subject_[s] : '\0';
  return !is_in_set(static_cast<unsigned char>(before), set, end) &&
         is_in_set(static_cast<unsigned char>(here), set, end);
}

bool PatternMatcher::is_single_match(std::size_t s, std::size_t p, std::size_t end) {
  if (s >= subject_.size()) return false;
  const auto c = static_cast<unsigned char>(subject_[s]);
  switch (pattern_[p]) {
    case '.':
      return true;
    case '%':
      return is_in_class(c, static_cast<unsigned char>(pattern_[p + 1]));
    case '[':
      return is_in_set(c, p, end);
    default:
      return static_cast<unsigned char>(pattern_[p]) == c;
  }
}

// `set` is the place of '[', `end` the one after ']'.
bool PatternMatcher::is_in_set(unsigned char c, std::size_t set, std::size_t end) const {
  const std::size_t last = end - 1;
  std::size_t p = set + 1;
  const bool is_negated = pattern_[p] == '^';
  if (is_negated) ++p;
  for (; p < last; ++p) {
    if (pattern_[p] == '%') {
      ++p;
      if (is_in_class(c, static_cast<unsigned char>(pattern_[p]))) return !is_negated;
    } else if (p + 2 < last && pattern_[p + 1] == '-') {
      const auto low = static_cast<unsigned char>(pattern_[p]);
      const auto high = static_cast<unsigned char>(pattern_[p + 2]);
      if (low <= c && c <= high) return !is_negated;
      p += 2;
    } else if (static_cast<unsigned char>(pattern_[p]) == c) {
      return !is_negated;
    }
  }
  return is_negated;
}

// Where the single item at p ends, its quantifier not counted.
std::size_t PatternMatcher::end_of_item(std::size_t p) const {
  const char c = pattern_[p++];
  if (c == '%') {
    if (p >= pattern_.size()) throw Malformed{"malformed pattern (ends with '%')"};
    return p + 1;
  }
  if (c != '[') return p;
  if (p < pattern_.size() && pattern_[p] == '^') ++p;
  // The first one stands for itself, even a ']'.
  do {
    if (p >= pattern_.size()) throw Malformed{"malformed pattern (missing ']')"};
    const char inside = pattern_[p++];
    if (inside == '%') {
      if (p >= pattern_.size()) throw Malformed{"malformed pattern (missing ']')"};
      ++p;
    }
  } while (p >= pattern_.size() || pattern_[p] != ']');
  return p + 1;
}

// Of the C locale, whatever the process's is. An upper-case name is the opposite of the class.
bool PatternMatcher::is_in_class(unsigned char c, unsigned char name) {
  const bool is_ascii = c < 0x80;
  bool is_in = false;
  switch (name | 0x20) {
    case 'a':
      is_in = is_ascii && std::isalpha(c) != 0;
      break;
    case 'c':
      is_in = c < 0x20 || c == 0x7f;
      break;
    case 'd':
      is_in = c >= '0' && c <= '9';
      break;
    case 'g':
      is_in = c > 0x20 && c < 0x7f;
      break;
    case 'l':
      is_in = c >= 'a' && c <= 'z';
      break;
    case 'p':
      is_in = is_ascii && std::ispunct(c) != 0;
      break;
    case 's':
      is_in = c == ' ' || (c >= 0x09 && c <= 0x0d);
      break;
    case 'u':
      is_in = c >= 'A' && c <= 'Z';
      break;
    case 'w':
      is_in = is_ascii && std::isalnum(c) != 0;
      break;
    case 'x':
      is_in = is_ascii && std::isxdigit(c) != 0;
      break;
    case 'z':
      is_in = c == 0;
      break;
    default:
      return name == c;
  }
  const bool is_class_letter = std::isalpha(name) != 0;
  return is_class_letter ? is_in != (std::isupper(name) != 0) : name == c;
}

}  // namespace croft::lua
