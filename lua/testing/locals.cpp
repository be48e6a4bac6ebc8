#include "lua/testing/locals.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <string>

namespace croft::lua {

namespace {

struct Token {
  enum class Kind { Name, Keyword, Literal, Symbol, End };
  Kind kind = Kind::End;
  std::string_view text;
  int line = 1;

  bool is(std::string_view what) const {
    return text == what && kind != Kind::Literal && kind != Kind::End;
  }
  bool is_name() const { return kind == Kind::Name; }
};

constexpr std::array<std::string_view, 22> kKeywords = {
    "and",      "break",  "do",   "else", "elseif", "end",  "false", "for",
    "function", "goto",   "if",   "in",   "local",  "nil",  "not",   "or",
    "repeat",   "return", "then", "true", "until",  "while"};

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

/// Takes a script that compiles apart.
class Scanner {
 public:
  explicit Scanner(std::string_view source) : source_(source) {}

  std::vector<Token> run() {
    std::vector<Token> tokens;
    while (skip_space(), at_ < source_.size()) tokens.push_back(next());
    tokens.push_back({.line = line_});
    return tokens;
  }

 private:
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }

  void skip_space() {
    for (;;) {
      while (at_ < source_.size() && std::isspace(static_cast<unsigned char>(peek())) != 0) step();
      if (peek() != '-' || peek(1) != '-') return;
      at_ += 2;
      if (long_bracket() >= 0) {
        skip_long(long_bracket());
      } else {
        while (at_ < source_.size() && peek() != '\n') step();
      }
    }
  }

  void step() {
    if (peek() == '\n') ++line_;
    ++at_;
  }

  /// The number of '=' in a "[==[" here, or -1.
  int long_bracket() const {
    if (peek() != '[') return -1;
    std::size_t ahead = 1;
    while (peek(ahead) == '=') ++ahead;
    return peek(ahead) == '[' ? static_cast<int>(ahead) - 1 : -1;
  }

  void skip_long(int level) {
    const std::string close = "]" + std::string(static_cast<std::size_t>(level), '=') + "]";
    const std::size_t end = std::min(source_.find(close, at_), source_.size());
    while (at_ < std::min(end + close.size(), source_.size())) step();
  }

  void skip_quoted() {
    const char quote = peek();
    step();
    while (at_ < source_.size() && peek() != quote) {
      if (peek() == '\\') step();
      step();
    }
    step();
  }

  Token next() {
    const std::size_t begin = at_;
    Token token{.line = line_};
    if (is_letter(peek())) {
      while (is_letter(peek()) || is_digit(peek())) ++at_;
      token.kind = Token::Kind::Name;
    } else if (is_digit(peek())) {
      while (is_letter(peek()) || is_digit(peek()) || peek() == '.') ++at_;
      token.kind = Token::Kind::Literal;
    } else if (peek() == '"' || peek() == '\'') {
      skip_quoted();
      token.kind = Token::Kind::Literal;
    } else if (long_bracket() >= 0) {
      skip_long(long_bracket());
      token.kind = Token::Kind::Literal;
    } else {
      const bool is_pair =
          peek(1) == '=' && std::string_view("=~<>").find(peek()) != std::string_view::npos;
      at_ += is_pair ? 2 : 1;
      while (source_[begin] == '.' && peek() == '.') ++at_;
      token.kind = Token::Kind::Symbol;
    }
    token.text = source_.substr(begin, at_ - begin);
    if (token.is_name() && std::ranges::find(kKeywords, token.text) != kKeywords.end())
      token.kind = Token::Kind::Keyword;
    return token;
  }

  std::string_view source_;
  std::size_t at_ = 0;
  int line_ = 1;
};

/// What each name of a file is set to, and how often.
class Bindings {
 public:
  explicit Bindings(const std::vector<Token>& tokens) : tokens_(tokens) {
    for (std::size_t i = 0; i < tokens.size(); ++i) look_at(i);
  }

  /// The global that a local always stands for, or nothing.
  std::string_view global_of(std::string_view name) const {
    const auto alias = aliases_.find(name);
    const bool is_plain =
        alias != aliases_.end() && counts_.at(name) == 1 && !counts_.contains(alias->second);
    return is_plain ? alias->second : std::string_view();
  }

 private:
  const Token& at(std::size_t i) const { return tokens_[std::min(i, tokens_.size() - 1)]; }

  void look_at(std::size_t i) {
    if (at(i).is("local") && at(i + 1).is("function")) return;  // seen as a function
    if (at(i).is("local")) return take_local(take_names(i + 1), i + 1);
    if (at(i).is("for")) {
      take_names(i + 1);
    } else if (at(i).is("function")) {
      while (!at(++i).is("(")) bind(at(i));
      take_names(i + 1);
    } else if (at(i).is_name() && (at(i + 1).is("=") || (at(i + 1).is(",") && begins(i)))) {
      // Or a field of a table: then there is doubt.
      bind(at(i));
    }
  }

  /// Whether a statement may begin with that token: nothing before it goes on with a value.
  bool begins(std::size_t i) const {
    if (i == 0) return true;
    const Token& before = tokens_[i - 1];
    if (before.kind == Token::Kind::Keyword)
      return before.is("do") || before.is("then") || before.is("else") || before.is("end") ||
             before.is("repeat") || before.is("nil") || before.is("true") || before.is("false");
    return before.kind != Token::Kind::Symbol || before.is(")") || before.is("}") ||
           before.is("]") || before.is(";");
  }

  void bind(const Token& token) {
    if (token.is_name()) ++counts_[token.text];
  }

  /// "a, b, c" from there; gives where it ends.
  std::size_t take_names(std::size_t i) {
    for (; at(i).is_name() || at(i).is(","); ++i) bind(at(i));
    return i;
  }

  /// `local a, b = http, json`: each is remembered if all that follows the '=' are names.
  void take_local(std::size_t equals, std::size_t first) {
    if (!at(equals).is("=")) return;
    std::vector<std::string_view> values;
    std::size_t i = equals + 1;
    for (; at(i).is_name(); i += 2) {
      values.push_back(at(i).text);
      if (!at(i + 1).is(",")) break;
    }
    const Token& after = at(i + 1);
    const bool goes_on = after.is("and") || after.is("or") || after.kind == Token::Kind::Literal ||
                         (after.kind == Token::Kind::Symbol && !after.is(";"));
    if (goes_on || values.size() * 2 != equals - first + 1) return;
    for (std::size_t n = 0; n < values.size(); ++n) aliases_[at(first + 2 * n).text] = values[n];
  }

  const std::vector<Token>& tokens_;
  std::map<std::string_view, int> counts_;
  std::map<std::string_view, std::string_view> aliases_;
};

}  // namespace

std::vector<GlobalUse> uses_through_locals(std::string_view source) {
  const std::vector<Token> tokens = Scanner(source).run();
  const Bindings bindings(tokens);
  std::vector<GlobalUse> uses;
  for (std::size_t i = 0; i + 2 < tokens.size(); ++i) {
    const bool is_field = i > 0 && (tokens[i - 1].is(".") || tokens[i - 1].is(":"));
    if (is_field || !tokens[i].is_name() || !tokens[i + 1].is(".")) continue;
    const std::string_view global = bindings.global_of(tokens[i].text);
    if (global.empty()) continue;
    uses.push_back({.name = std::string(global),
                    .field = std::string(tokens[i + 2].text),
                    .line = tokens[i + 2].line,
                    .is_set = false});
  }
  return uses;
}

}  // namespace croft::lua
