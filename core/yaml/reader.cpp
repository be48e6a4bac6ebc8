#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <yaml.h>

#include <fmt/format.h>

#include "core/yaml/builder.hpp"

namespace croft::yaml {

namespace {

// What the parser says, in words for people who do not know YAML's grammar.
struct ParserMessage {
  std::string_view theirs;
  std::string_view ours;
  std::string_view hint;
  bool is_where_it_began = false;  // the place to show is where the unfinished thing begins
};
constexpr std::string_view kIndentation = "this does not fit the indentation of the lines above";
constexpr std::array<ParserMessage, 16> kParserMessages{{
    {"mapping values are not allowed in this context", "a ':' cannot stand here",
     "check the indentation, or put the text in quotes"},
    {"mapping keys are not allowed in this context", "a '?' cannot stand here",
     "put the text in quotes"},
    {"block sequence entries are not allowed in this context", "a '-' cannot stand here",
     "check the indentation, or put the text in quotes"},
    {"did not find expected <document start>", kIndentation,
     "align it, or put '---' before a new document"},
    {"did not find expected key", kIndentation, "align it with the key it belongs to"},
    {"did not find expected '-' indicator", "this does not fit the list above",
     "align it with the '-' above, or with the list's key"},
    {"did not find expected ',' or '}'", "the '{' of this map is never closed",
     "a ',' or a '}' is missing", true},
    {"did not find expected ',' or ']'", "the '[' of this list is never closed",
     "a ',' or a ']' is missing", true},
    {"did not find expected node content", "a value cannot begin with this character",
     "put the text in quotes"},
    {"found character that cannot start any token", "a text cannot begin with this character",
     "put the text in quotes"},
    {"could not find expected ':'", "a ':' is missing after this", "a line is 'key: value'", true},
    {"found unexpected end of stream", "this quote is never closed", "", true},
    {"found unexpected document indicator", "this quote is never closed before the document ends",
     "", true},
    {"found a tab character that violates indentation", "a tab in the indentation",
     "YAML allows only spaces there"},
    {"found a tab character where an indentation space is expected", "a tab in the indentation",
     "YAML allows only spaces there"},
    {"found unknown escape character", "no such escape in a text in double quotes",
     "write '\\\\' for a backslash, or use single quotes"},
}};

const ParserMessage* find_message(std::string_view theirs) {
  const auto* found = std::ranges::find(kParserMessages, theirs, &ParserMessage::theirs);
  return found == kParserMessages.end() ? nullptr : found;
}

std::string_view text_of(const yaml_char_t* text) {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

// YAML's null, as a plain scalar says it.
bool is_null(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

/// Finds the parser's marks in the text. The parser counts characters, and takes more for a line
/// break than editors do; a Mark counts bytes and line feeds.
class Places {
 public:
  explicit Places(std::string_view text)
      : text_(text), is_ascii_(std::ranges::all_of(text, [](char c) { return c >= 0; })) {}

  Mark find(const yaml_mark_t& mark) {
    // The parser's own figures, so that a long line is not walked through for each of its values.
    if (is_ascii_) {
      return {static_cast<std::uint32_t>(mark.index), static_cast<std::uint32_t>(mark.line) + 1,
              static_cast<std::uint32_t>(mark.column) + 1};
    }
    while (characters_ < mark.index && offset_ < text_.size()) forward();
    while (characters_ > mark.index) back();
    return {static_cast<std::uint32_t>(offset_), line_,
            static_cast<std::uint32_t>(offset_ - line_start_) + 1};
  }

 private:
  static bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

  void forward() {
    if (text_[offset_] == '\n') {
      ++line_;
      line_start_ = offset_ + 1;
    }
    do ++offset_;
    while (offset_ < text_.size() && is_continuation(text_[offset_]));
    ++characters_;
  }

  void back() {
    do --offset_;
    while (offset_ > 0 && is_continuation(text_[offset_]));
    --characters_;
    if (text_[offset_] != '\n') return;
    --line_;
    line_start_ = text_.substr(0, offset_).rfind('\n') + 1;
  }

  std::string_view text_;
  bool is_ascii_;
  std::size_t characters_ = 0;
  std::size_t offset_ = 0;
  std::size_t line_start_ = 0;
  std::uint32_t line_ = 1;
};

/// libyaml's parser on one text.
class Parser {
 public:
  explicit Parser(std::string_view text) {
    if (yaml_parser_initialize(&parser_) == 0) throw std::bad_alloc();
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const yaml_char_t*>(text.data()),
                                 text.size());
  }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
  ~Parser() {
    yaml_event_delete(&event_);
    yaml_parser_delete(&parser_);
  }

  /// The next event, which lives until the next call; null if the parser gave up.
  const yaml_event_t* next() {
    yaml_event_delete(&event_);
    if (yaml_parser_parse(&parser_, &event_) == 0) return nullptr;
    return &event_;
  }

  const yaml_parser_t& state() const { return parser_; }

 private:
  yaml_parser_t parser_{};
  yaml_event_t event_{};
};

/// Turns the parser's events into calls of the builder.
class Reader {
 public:
  Reader(std::string_view text, Tree& tree, ReadOptions options)
      : text_(text), places_(text), parser_(text), builder_(text, tree, options) {}

  void run() {
    try {
      while (const yaml_event_t* event = parser_.next()) {
        if (event->type == YAML_STREAM_END_EVENT) return;
        take(*event);
      }
      fail();
    } catch (const Builder::Stopped&) {
      // The builder has written down why.
    }
  }

 private:
  void take(const yaml_event_t& event) {
    const Mark mark = places_.find(event.start_mark);
    switch (event.type) {
      case YAML_DOCUMENT_START_EVENT:
        anchors_.clear();
        return builder_.begin_document(mark);
      case YAML_DOCUMENT_END_EVENT:
        return builder_.end_document();
      case YAML_ALIAS_EVENT:
        return builder_.alias(mark, anchor_named(text_of(event.data.alias.anchor)));
      case YAML_SCALAR_EVENT:
        return take_scalar(mark, event.data.scalar);
      case YAML_SEQUENCE_START_EVENT: {
        const auto& list = event.data.sequence_start;
        return builder_.begin_collection(Node::Type::List, mark, text_of(list.tag),
                                         new_anchor(list.anchor),
                                         list.style == YAML_BLOCK_SEQUENCE_STYLE);
      }
      case YAML_MAPPING_START_EVENT: {
        const auto& map = event.data.mapping_start;
        return builder_.begin_collection(Node::Type::Map, mark, text_of(map.tag),
                                         new_anchor(map.anchor),
                                         map.style == YAML_BLOCK_MAPPING_STYLE);
      }
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        return builder_.end_collection();
      default:
        return;
    }
  }

  template <typename Scalar>
  void take_scalar(const Mark& mark, const Scalar& scalar) {
    const std::string_view text(reinterpret_cast<const char*>(scalar.value), scalar.length);
    const std::string_view tag = text_of(scalar.tag);
    const std::size_t anchor = new_anchor(scalar.anchor);
    if (scalar.style == YAML_PLAIN_SCALAR_STYLE && tag.empty() && is_null(text)) {
      return builder_.null(mark, static_cast<std::uint32_t>(text.size()), anchor);
    }
    builder_.scalar(mark, tag, anchor, std::string(text));
  }

  std::size_t new_anchor(const yaml_char_t* name) {
    if (name == nullptr) return 0;
    return anchors_[std::string(text_of(name))] = ++last_anchor_;
  }

  std::size_t anchor_named(std::string_view name) const {
    const auto found = anchors_.find(name);
    return found == anchors_.end() ? 0 : found->second;
  }

  void fail() {
    const yaml_parser_t& state = parser_.state();
    if (state.error == YAML_MEMORY_ERROR) throw std::bad_alloc();
    const std::string_view problem = state.problem == nullptr ? "" : state.problem;
    if (state.error == YAML_READER_ERROR) {
      const std::size_t offset = std::min(state.problem_offset, text_.size());
      return builder_.fail(place_of(offset), 1, fmt::format("this is no text: {}", problem));
    }
    const ParserMessage* known = find_message(problem);
    const bool is_where_it_began =
        known != nullptr && known->is_where_it_began && state.context != nullptr;
    const Mark place = places_.find(is_where_it_began ? state.context_mark : state.problem_mark);
    if (known == nullptr) {
      return builder_.fail_in_parser(place, fmt::format("this is not YAML: {}", problem), "");
    }
    builder_.fail_in_parser(place, std::string(known->ours), std::string(known->hint));
  }

  Mark place_of(std::size_t offset) const {
    const std::string_view before = text_.substr(0, offset);
    return {static_cast<std::uint32_t>(offset),
            static_cast<std::uint32_t>(std::ranges::count(before, '\n')) + 1,
            static_cast<std::uint32_t>(offset - (before.rfind('\n') + 1)) + 1};
  }

  std::string_view text_;
  Places places_;
  Parser parser_;
  Builder builder_;
  std::map<std::string, std::size_t, std::less<>> anchors_;  // of the open document
  std::size_t last_anchor_ = 0;
};

}  // namespace

Tree read(std::string_view text, ReadOptions options) {
  Tree tree;
  Reader(text, tree, options).run();
  return tree;
}

}  // namespace croft::yaml
