#include "core/manifest/yaml_builder.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace croft::manifest {

namespace {

using Type = YamlNode::Type;

// What the parser says, in words for people who do not know YAML's grammar.
struct ParserMessage {
  std::string_view theirs;
  std::string_view ours;
  std::string_view hint;
};
constexpr std::array<ParserMessage, 14> kParserMessages{{
    {"illegal map value", "a ':' cannot stand here",
     "check the indentation, or put the text in quotes"},
    {"illegal map key", "a '?' cannot stand here", "put the text in quotes"},
    {"illegal block entry", "a '-' cannot stand here",
     "check the indentation, or put the text in quotes"},
    {"end of map not found", "this does not fit the indentation of the lines above",
     "align it with the key it belongs to"},
    {"end of sequence not found", "this does not fit the list above",
     "align it with the '-' above, or with the list's key"},
    {"end of map flow not found", "a '{' before this is never closed", "add a '}'"},
    {"end of sequence flow not found", "a '[' before this is never closed", "add a ']'"},
    {"illegal flow end", "this bracket was never opened", ""},
    {"unknown token", "a text cannot begin with this character", "put the text in quotes"},
    {"the referenced anchor is not defined", "this alias names no anchor given before it", ""},
    {"illegal EOF in scalar", "the text ends inside a quoted value", "close the quote"},
    {"illegal document indicator in scalar", "a document ends inside a quoted value",
     "close the quote"},
    {"illegal tab when looking for indentation", "a tab in the indentation",
     "YAML allows only spaces there"},
    {"aliases can't have any content, *including* tags", "an alias cannot have an anchor or a tag",
     ""},
}};

// Tags that say no more than the field itself does.
bool is_harmless(std::string_view tag, Type type) {
  if (tag.empty() || tag == "?" || tag == "!") return true;
  switch (type) {
    case Type::Scalar:
      return tag == "tag:yaml.org,2002:str";
    case Type::List:
      return tag == "tag:yaml.org,2002:seq";
    case Type::Map:
      return tag == "tag:yaml.org,2002:map";
    case Type::Null:
      return true;
  }
  return false;
}

std::string shown_tag(std::string_view tag) {
  constexpr std::string_view kStandard = "tag:yaml.org,2002:";
  return tag.starts_with(kStandard) ? fmt::format("!!{}", tag.substr(kStandard.size()))
                                    : std::string(tag);
}

}  // namespace

const YamlNode* YamlTree::find(const YamlNode& map, std::string_view key) const {
  if (map.type != Type::Map) return nullptr;
  const auto entries = items(map);
  for (std::size_t i = 0; i + 1 < entries.size(); i += 2) {
    if (at(entries[i]).type == Type::Scalar && at(entries[i]).text == key)
      return &at(entries[i + 1]);
  }
  return nullptr;
}

void YamlBuilder::begin_document(Mark mark) {
  if (!tree_.documents.empty()) {
    // yaml-cpp 0.7 does not consume a token that fits nowhere, and gives empty documents at that
    // place for ever.
    if (mark.offset <= document_mark_.offset && mark.offset < text_.size()) {
      stop(mark, 1, "a value cannot begin with this character", "put the text in quotes");
    }
    // The parser takes what follows a finished document for the next one, `---` or not; that hides
    // mistakes.
    const std::string_view between =
        text_.substr(last_offset_, mark.offset - std::min(mark.offset, last_offset_));
    const bool is_marked = mark.offset >= text_.size() ||
                           text_.substr(mark.offset).starts_with("---") ||
                           between.find("\n...") != std::string_view::npos;
    if (!is_marked) {
      stop(mark, rest_of_line(mark), "this does not fit the indentation of the lines above",
           "align it, or put '---' before a new document");
    }
  }
  document_mark_ = mark;
  anchors_.clear();
  root_.reset();
  by_aliases_ = 0;
}

void YamlBuilder::end_document() {
  if (!root_) {
    YamlNode nothing = YamlNode::of(Type::Null, document_mark_);
    nothing.is_written = false;
    root_ = add(std::move(nothing), 0);
  }
  tree_.documents.push_back({*root_, document_mark_});
}

void YamlBuilder::null(Mark mark, std::size_t anchor) {
  const std::string_view here = text_.substr(std::min<std::size_t>(mark.offset, text_.size()));
  YamlNode node = YamlNode::of(Type::Null, mark);
  node.is_written = here.starts_with('~') || here.starts_with("null") || here.starts_with("Null") ||
                    here.starts_with("NULL");
  node.length = here.starts_with('~') ? 1 : 4;
  attach(add(std::move(node), anchor));
}

void YamlBuilder::scalar(Mark mark, std::string_view tag, std::size_t anchor,
                         const std::string& text) {
  mark = skip_properties(mark);
  check_indentation(mark);
  check_tag(mark, tag, Type::Scalar);
  YamlNode node = YamlNode::of(Type::Scalar, mark);
  node.text = text;
  const char first = mark.offset < text_.size() ? text_[mark.offset] : '\0';
  if (first == '"' || first == '\'') {
    node.is_plain = false;
    node.length = quoted_length(mark);
  } else {
    node.is_plain = first != '|' && first != '>';
    const bool is_one_line =
        text_.substr(std::min<std::size_t>(mark.offset, text_.size())).starts_with(text);
    node.length = is_one_line
                      ? static_cast<std::uint32_t>(
                            text.find('\n') == std::string::npos ? text.size() : text.find('\n'))
                      : rest_of_line(mark);
  }
  last_offset_ = mark.offset + node.length;
  attach(add(std::move(node), anchor));
}

void YamlBuilder::alias(Mark mark, std::size_t anchor) {
  const auto found = anchors_.find(anchor);
  if (found == anchors_.end())
    stop(mark, rest_of_line(mark), "this alias stands inside of what it names");
  const YamlNode& target = tree_.at(found->second);
  by_aliases_ += target.weight;
  if (by_aliases_ > YamlTree::kMostByAliases) {
    stop(mark, 1, fmt::format("aliases expand to more than {} values", YamlTree::kMostByAliases));
  }
  if (open_.size() + target.height > YamlTree::kDeepest) {
    stop(mark, 1, fmt::format("aliases nest deeper than {} levels", YamlTree::kDeepest));
  }
  attach(found->second);
}

void YamlBuilder::begin_collection(Type type, Mark mark, std::string_view tag, std::size_t anchor,
                                   bool is_block) {
  check_tag(mark, tag, type);
  if (open_.size() >= YamlTree::kDeepest) {
    stop(mark, 1, fmt::format("nested deeper than {} levels", YamlTree::kDeepest));
  }
  YamlNode node = YamlNode::of(type, skip_properties(mark));
  node.length = is_block ? rest_of_line(node.mark) : 1;
  // Its anchor is not known yet, so that an alias inside cannot name it.
  const NodeIndex index = add(std::move(node), 0);
  open_.push_back({index, anchor, pending_.size(), is_block});
}

void YamlBuilder::end_collection() {
  const Open closed = open_.back();
  open_.pop_back();
  YamlNode& node = tree_.nodes[closed.node];
  node.first = static_cast<std::uint32_t>(tree_.links.size());
  node.count = static_cast<std::uint32_t>(pending_.size() - closed.first_pending);
  for (std::size_t i = closed.first_pending; i < pending_.size(); ++i) {
    const YamlNode& item = tree_.at(pending_[i]);
    node.weight += item.weight;
    node.height = std::max<std::uint8_t>(node.height, static_cast<std::uint8_t>(item.height + 1));
    tree_.links.push_back(pending_[i]);
  }
  pending_.resize(closed.first_pending);
  if (closed.anchor != 0) anchors_[closed.anchor] = closed.node;
  if (node.type == Type::Map) check_keys(node);
  attach(closed.node);
}

void YamlBuilder::fail(Mark mark, std::uint32_t length, std::string message, std::string hint) {
  tree_.is_complete = false;
  const auto document = static_cast<std::uint32_t>(tree_.documents.size());
  tree_.problems.push_back({document, mark, length, std::move(message), std::move(hint)});
}

void YamlBuilder::fail_in_parser(std::optional<Mark> mark, const std::string& message) {
  const Mark place = mark.value_or(document_mark_);
  const std::string_view before =
      text_.substr(0, std::min<std::size_t>(place.offset, text_.size()));
  const std::string_view indentation = before.substr(before.rfind('\n') + 1);
  const bool is_indentation = indentation.find_first_not_of(" \t") == std::string_view::npos;
  if (is_indentation && indentation.find('\t') != std::string_view::npos) {
    const auto at = static_cast<std::uint32_t>(indentation.find('\t'));
    const auto start = place.offset - static_cast<std::uint32_t>(indentation.size());
    return fail({start + at, place.line, at + 1}, 1, "a tab in the indentation",
                "YAML allows only spaces there");
  }
  const auto* known = std::ranges::find(kParserMessages, message, &ParserMessage::theirs);
  if (known == kParserMessages.end())
    return fail(place, 1, fmt::format("this is not YAML: {}", message));
  fail(place, 1, std::string(known->ours), std::string(known->hint));
}

void YamlBuilder::stop(Mark mark, std::uint32_t length, std::string message, std::string hint) {
  fail(mark, length, std::move(message), std::move(hint));
  throw Stopped{};
}

void YamlBuilder::complain(Mark mark, std::uint32_t length, std::string message, std::string hint) {
  if (tree_.problems.size() + 1 >= YamlTree::kMostProblems)
    stop(mark, length, std::move(message), std::move(hint));
  const auto document = static_cast<std::uint32_t>(tree_.documents.size());
  tree_.problems.push_back({document, mark, length, std::move(message), std::move(hint)});
}

NodeIndex YamlBuilder::add(YamlNode node, std::size_t anchor) {
  const auto index = static_cast<NodeIndex>(tree_.nodes.size());
  // More nodes than bytes (a flow pair of nothing has two): the parser goes round in circles.
  if (index > 2 * text_.size() + 16) stop(node.mark, 1, "this cannot be read as YAML");
  tree_.nodes.push_back(std::move(node));
  if (anchor != 0) anchors_[anchor] = index;
  return index;
}

void YamlBuilder::attach(NodeIndex index) {
  if (open_.empty()) {
    root_ = index;
  } else {
    pending_.push_back(index);
  }
}

void YamlBuilder::check_tag(const Mark& mark, std::string_view tag, Type type) {
  if (is_harmless(tag, type)) return;
  complain(mark, 1, fmt::format("the tag '{}' has no meaning here", shown_tag(tag)),
           "remove it: the field decides what a value is");
}

void YamlBuilder::check_indentation(const Mark& mark) {
  if (mark.column < 2 || mark.offset > text_.size()) return;
  const std::string_view before = text_.substr(mark.offset + 1 - mark.column, mark.column - 1);
  const std::size_t tab = before.find('\t');
  if (tab == std::string_view::npos || before.find_first_not_of(" \t") != std::string_view::npos)
    return;
  if (!std::ranges::all_of(open_, &Open::is_block)) return;
  const auto column = static_cast<std::uint32_t>(tab);
  stop({mark.offset + 1 - mark.column + column, mark.line, column + 1}, 1,
       "a tab in the indentation", "YAML allows only spaces there");
}

void YamlBuilder::check_key(const YamlNode& key) {
  if (key.type != Type::Scalar) {
    complain(key.mark, std::max(key.length, 1U), "a key must be text");
  } else if (key.is_plain && key.text == "<<") {
    complain(key.mark, 2, "merge keys ('<<') are not supported",
             "write the fields out, or use an alias for a whole value");
  }
}

void YamlBuilder::check_keys(const YamlNode& map) {
  const auto items = tree_.items(map);
  std::vector<NodeIndex> keys;
  keys.reserve(items.size() / 2);
  for (std::size_t i = 0; i < items.size(); i += 2) {
    check_key(tree_.at(items[i]));
    if (tree_.at(items[i]).type == Type::Scalar) keys.push_back(items[i]);
  }
  std::ranges::sort(keys, [&](NodeIndex a, NodeIndex b) {
    return std::tie(tree_.at(a).text, a) < std::tie(tree_.at(b).text, b);
  });
  for (std::size_t i = 1; i < keys.size(); ++i) {
    const YamlNode& one = tree_.at(keys[i - 1]);
    const YamlNode& other = tree_.at(keys[i]);
    if (one.text != other.text) continue;
    complain(other.mark, std::max(other.length, 1U),
             fmt::format("the key '{}' is given twice; first at {}", other.text,
                         describe_place(one.mark)));
  }
}

std::string YamlBuilder::describe_place(const Mark& mark) const {
  return fmt::format("line {}, column {}", mark.line, mark.column);
}

// The parser's mark is that of an anchor or tag, if there is one before the value.
Mark YamlBuilder::skip_properties(Mark mark) const {
  while (mark.offset < text_.size() && (text_[mark.offset] == '&' || text_[mark.offset] == '!')) {
    const std::size_t end = text_.find_first_of(" \t\r\n", mark.offset);
    const std::size_t next =
        end == std::string_view::npos ? end : text_.find_first_not_of(" \t", end);
    if (next == std::string_view::npos || text_[next] == '\n' || text_[next] == '\r') return mark;
    mark.column += static_cast<std::uint32_t>(next) - mark.offset;
    mark.offset = static_cast<std::uint32_t>(next);
  }
  return mark;
}

std::uint32_t YamlBuilder::quoted_length(const Mark& mark) {
  const char quote = text_[mark.offset];
  for (std::size_t i = mark.offset + 1; i < text_.size(); ++i) {
    if (text_[i] == '\\' && quote == '"') {
      ++i;
    } else if (text_[i] == quote && quote == '\'' && i + 1 < text_.size() && text_[i + 1] == '\'') {
      ++i;
    } else if (text_[i] == quote) {
      return std::min(static_cast<std::uint32_t>(i + 1) - mark.offset, rest_of_line(mark));
    }
  }
  stop(mark, 1, "this quote is never closed");
}

std::uint32_t YamlBuilder::rest_of_line(const Mark& mark) const {
  if (mark.offset >= text_.size()) return 1;
  const std::size_t end = std::min(text_.find_first_of("\r\n", mark.offset), text_.size());
  return std::max(static_cast<std::uint32_t>(end) - mark.offset, 1U);
}

}  // namespace croft::manifest
