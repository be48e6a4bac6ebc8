#include "core/manifest/compose/variables.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace croft::manifest::compose {

namespace {

constexpr int kDeepest = 20;  ///< words within words

bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool continues_name(char c) { return begins_name(c) || (c >= '0' && c <= '9'); }

std::size_t name_length(std::string_view text) {
  if (text.empty() || !begins_name(text.front())) return 0;
  const auto end = std::ranges::find_if_not(text, continues_name);
  return static_cast<std::size_t>(end - text.begin());
}

// Where the brace that is open at the beginning of `text` closes. Only "${" opens another.
std::size_t closing_brace(std::string_view text) {
  int depth = 1;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '$' && i + 1 < text.size() && (text[i + 1] == '{' || text[i + 1] == '$')) {
      depth += text[i + 1] == '{' ? 1 : 0;
      ++i;
    } else if (text[i] == '}' && --depth == 0) {
      return i;
    }
  }
  return std::string_view::npos;
}

class Substituter {
 public:
  Substituter(const Variables& variables, std::size_t limit, Substitution& into)
      : variables_(variables), limit_(limit), into_(into) {}

  std::string run(std::string_view text, int depth) {
    std::string made;
    while (!text.empty() && into_.error.empty()) {
      const std::size_t dollar = std::min(text.find('$'), text.size());
      made += text.substr(0, dollar);
      text.remove_prefix(dollar);
      if (!text.empty()) made += variable(text, depth);
      if (made.size() > limit_) fail(fmt::format("becomes longer than {} bytes", limit_), "");
    }
    return made;
  }

 private:
  // What stands for the variable that `text` begins with, which is taken off.
  std::string variable(std::string_view& text, int depth) {
    into_.is_changed = true;
    const std::string_view rest = text.substr(1);
    if (rest.starts_with('$')) {
      text.remove_prefix(2);
      return "$";
    }
    if (rest.starts_with('{')) return braced(text, depth);
    const std::size_t length = name_length(rest);
    if (length == 0) return fail_at(text);
    text.remove_prefix(1 + length);
    return value_of(rest.substr(0, length));
  }

  std::string braced(std::string_view& text, int depth) {
    const std::string_view inside = text.substr(2);
    const std::size_t close = closing_brace(inside);
    if (close == std::string_view::npos)
      return fail("has a '${' that is never closed", "a '}' is missing; '$$' is a plain '$'");
    const std::string_view body = inside.substr(0, close);
    const std::size_t length = name_length(body);
    const std::string_view name = body.substr(0, length);
    std::string_view word = body.substr(length);
    if (length == 0) return fail_at(text);
    const bool counts_empty = word.starts_with(':');
    const char how = word.size() > (counts_empty ? 1 : 0) ? word[counts_empty ? 1 : 0] : '\0';
    if (!word.empty() && how != '-' && how != '?' && how != '+') return fail_at(text);
    text.remove_prefix(close + 3);
    if (word.empty()) return value_of(name);
    word.remove_prefix(counts_empty ? 2 : 1);
    return chosen(name, counts_empty, how, word, depth);
  }

  std::string chosen(std::string_view name, bool counts_empty, char how, std::string_view word,
                     int depth) {
    const std::string* value = variables_.find(name);
    const bool is_set = value != nullptr && !(counts_empty && value->empty());
    if (how == '+') return is_set ? inner(word, depth) : std::string();
    if (is_set) return *value;
    if (how == '-') return inner(word, depth);
    const std::string reason = inner(word, depth);
    return fail(reason.empty() ? fmt::format("needs the variable {}, which is not set", name)
                               : fmt::format("needs the variable {}: {}", name, reason),
                fmt::format("set it in the Stack's 'variables', or in .env beside the file"));
  }

  std::string inner(std::string_view word, int depth) {
    if (depth >= kDeepest)
      return fail(fmt::format("has variables nested deeper than {} levels", kDeepest), "");
    return run(word, depth + 1);
  }

  std::string value_of(std::string_view name) {
    if (const std::string* value = variables_.find(name)) return *value;
    if (std::ranges::find(into_.missing, name) == into_.missing.end())
      into_.missing.emplace_back(name);
    return {};
  }

  std::string fail_at(std::string_view text) {
    std::size_t end = std::min<std::size_t>(text.size(), 20);
    while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
      --end;
    return fail(fmt::format("has '{}', which is no variable", text.substr(0, end)),
                "write '$$' for a plain '$', and ${NAME} for a variable");
  }

  std::string fail(std::string error, std::string hint) {
    if (!into_.error.empty()) return {};
    into_.error = std::move(error);
    into_.hint = std::move(hint);
    return {};
  }

  const Variables& variables_;
  std::size_t limit_;
  Substitution& into_;
};

}  // namespace

const std::string* Variables::find(std::string_view name) const {
  const std::string* first = before_ == nullptr ? nullptr : before_->find(name);
  if (first != nullptr) return first;
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

void Variables::add(std::string_view name, std::string value) {
  values_.try_emplace(std::string(name), std::move(value));
}

void Variables::set(std::string_view name, std::string value) {
  values_.insert_or_assign(std::string(name), std::move(value));
}

void Variables::add_all(const Variables& others) {
  values_.insert(others.values_.begin(), others.values_.end());
}

std::size_t Variables::byte_count() const {
  std::size_t bytes = 0;
  for (const auto& [name, value] : values_) bytes += name.size() + value.size();
  return bytes;
}

Substitution substitute(std::string_view text, const Variables& variables, std::size_t limit) {
  Substitution made;
  made.text = Substituter(variables, limit, made).run(text, 0);
  return made;
}

}  // namespace croft::manifest::compose
