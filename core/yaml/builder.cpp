#include "core/yaml/builder.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace croft::yaml {

namespace {

using Type = Node::Type;

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

const Node* Tree::find(const Node& map, std::string_view key) const {
  if (map.type != Type::Map) return nullptr;
  const auto entries = items(map);
  for (std::size_t i = 0; i + 1 < entries.size(); i += 2) {
    if (at(entries[i]).type == Type::Scalar && at(entries[i]).text == key)
      return &at(entries[i + 1]);
  }
  return nullptr;
}

std::string_view Tree::tag_of(NodeIndex index) const {
  const auto found = std::ranges::lower_bound(tags, index, {}, &Tag::node);
  return found != tags.end() && found->node == index ? std::string_view(found->name) : "";
}

void Builder::begin_document(Mark mark) {
  document_mark_ = mark;
  anchors_.clear();
  root_.reset();
  by_aliases_ = 0;
}

void Builder::end_document() {
  if (!root_) {
    Node nothing = Node::of(Type::Null, document_mark_);
    nothing.is_written = false;
    root_ = add(std::move(nothing), 0);
  }
  tree_.documents.push_back({*root_, document_mark_});
}

void Builder::null(Mark mark, std::uint32_t length, std::size_t anchor) {
  Node node = Node::of(Type::Null, mark);
  node.is_written = length > 0;
  node.length = length;
  attach(add(std::move(node), anchor));
}

void Builder::scalar(Mark mark, std::string_view tag, std::size_t anchor, const std::string& text) {
  mark = skip_properties(mark);
  check_indentation(mark);
  check_tag(mark, tag, Type::Scalar);
  Node node = Node::of(Type::Scalar, mark);
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
  const NodeIndex index = add(std::move(node), anchor);
  keep_tag(index, tag);
  attach(index);
}

void Builder::alias(Mark mark, std::size_t anchor) {
  if (anchor == 0) stop(mark, rest_of_line(mark), "this alias names no anchor given before it");
  const auto found = anchors_.find(anchor);
  if (found == anchors_.end())
    stop(mark, rest_of_line(mark), "this alias stands inside of what it names");
  const Node& target = tree_.at(found->second);
  by_aliases_ += target.weight;
  if (by_aliases_ > Tree::kMostByAliases) {
    stop(mark, 1, fmt::format("aliases expand to more than {} values", Tree::kMostByAliases));
  }
  if (open_.size() + target.height > Tree::kDeepest) {
    stop(mark, 1, fmt::format("aliases nest deeper than {} levels", Tree::kDeepest));
  }
  attach(found->second);
}

void Builder::begin_collection(Type type, Mark mark, std::string_view tag, std::size_t anchor,
                               bool is_block) {
  check_tag(mark, tag, type);
  if (open_.size() >= Tree::kDeepest) {
    stop(mark, 1, fmt::format("nested deeper than {} levels", Tree::kDeepest));
  }
  Node node = Node::of(type, skip_properties(mark));
  node.length = is_block ? rest_of_line(node.mark) : 1;
  // Its anchor is not known yet, so that an alias inside cannot name it.
  const NodeIndex index = add(std::move(node), 0);
  keep_tag(index, tag);
  open_.push_back({index, anchor, pending_.size(), is_block});
}

void Builder::end_collection() {
  const Open closed = open_.back();
  open_.pop_back();
  Node& node = tree_.nodes[closed.node];
  node.first = static_cast<std::uint32_t>(tree_.links.size());
  node.count = static_cast<std::uint32_t>(pending_.size() - closed.first_pending);
  for (std::size_t i = closed.first_pending; i < pending_.size(); ++i) {
    const Node& item = tree_.at(pending_[i]);
    node.weight += item.weight;
    node.height = std::max<std::uint8_t>(node.height, static_cast<std::uint8_t>(item.height + 1));
    tree_.links.push_back(pending_[i]);
  }
  pending_.resize(closed.first_pending);
  if (closed.anchor != 0) anchors_[closed.anchor] = closed.node;
  if (node.type == Type::Map) check_keys(node);
  attach(closed.node);
}

void Builder::fail(Mark mark, std::uint32_t length, std::string message, std::string hint) {
  tree_.is_complete = false;
  const auto document = static_cast<std::uint32_t>(tree_.documents.size());
  tree_.problems.push_back({document, mark, length, std::move(message), std::move(hint)});
}

void Builder::fail_in_parser(Mark place, std::string message, std::string hint) {
  const std::string_view before =
      text_.substr(0, std::min<std::size_t>(place.offset, text_.size()));
  const std::string_view indentation = before.substr(before.rfind('\n') + 1);
  const char here = place.offset < text_.size() ? text_[place.offset] : '\0';
  const bool is_indentation = indentation.find_first_not_of(" \t") == std::string_view::npos;
  const std::size_t tab = here == '\t' ? indentation.size() : indentation.find('\t');
  if (is_indentation && tab != std::string_view::npos) {
    const auto at = static_cast<std::uint32_t>(tab);
    const auto start = place.offset - static_cast<std::uint32_t>(indentation.size());
    return fail({start + at, place.line, at + 1}, 1, "a tab in the indentation",
                "YAML allows only spaces there");
  }
  const bool is_end = text_.find_first_not_of(" \t\r\n", place.offset) == std::string_view::npos;
  if (is_end && !open_.empty() && !open_.back().is_block) {
    const Node& open = tree_.at(open_.back().node);
    const bool is_map = open.type == Type::Map;
    return fail(open.mark, 1,
                fmt::format("the '{}' of this {} is never closed", is_map ? '{' : '[',
                            is_map ? "map" : "list"),
                fmt::format("a '{}' is missing", is_map ? '}' : ']'));
  }
  if (here == ']' || here == '}') return fail(place, 1, "this bracket was never opened");
  fail(place, 1, std::move(message), std::move(hint));
}

void Builder::stop(Mark mark, std::uint32_t length, std::string message, std::string hint) {
  fail(mark, length, std::move(message), std::move(hint));
  throw Stopped{};
}

void Builder::complain(Mark mark, std::uint32_t length, std::string message, std::string hint) {
  if (tree_.problems.size() + 1 >= Tree::kMostProblems)
    stop(mark, length, std::move(message), std::move(hint));
  const auto document = static_cast<std::uint32_t>(tree_.documents.size());
  tree_.problems.push_back({document, mark, length, std::move(message), std::move(hint)});
}

NodeIndex Builder::add(Node node, std::size_t anchor) {
  const auto index = static_cast<NodeIndex>(tree_.nodes.size());
  // More nodes than bytes (a flow pair of nothing has two): the parser goes round in circles.
  if (index > 2 * text_.size() + 16) stop(node.mark, 1, "this cannot be read as YAML");
  tree_.nodes.push_back(std::move(node));
  if (anchor != 0) anchors_[anchor] = index;
  return index;
}

void Builder::attach(NodeIndex index) {
  if (open_.empty()) {
    root_ = index;
  } else {
    pending_.push_back(index);
  }
}

void Builder::check_tag(const Mark& mark, std::string_view tag, Type type) {
  if (options_.takes_tags || is_harmless(tag, type)) return;
  complain(mark, 1, fmt::format("the tag '{}' has no meaning here", shown_tag(tag)),
           "remove it: the field decides what a value is");
}

void Builder::keep_tag(NodeIndex node, std::string_view tag) {
  if (!options_.takes_tags || tag.empty() || tag == "?") return;
  tree_.tags.push_back({node, shown_tag(tag)});
}

void Builder::check_indentation(const Mark& mark) {
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

void Builder::check_key(const Node& key) {
  if (key.type != Type::Scalar) {
    complain(key.mark, std::max(key.length, 1U), "a key must be text");
  } else if (key.is_plain && key.text == "<<" && !options_.takes_merge_keys) {
    complain(key.mark, 2, "merge keys ('<<') are not supported",
             "write the fields out, or use an alias for a whole value");
  }
}

void Builder::check_keys(const Node& map) {
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
    const Node& one = tree_.at(keys[i - 1]);
    const Node& other = tree_.at(keys[i]);
    if (one.text != other.text) continue;
    complain(other.mark, std::max(other.length, 1U),
             fmt::format("the key '{}' is given twice; first at {}", other.text,
                         describe_place(one.mark)));
  }
}

std::string Builder::describe_place(const Mark& mark) const {
  return fmt::format("line {}, column {}", mark.line, mark.column);
}

// The parser's mark is that of an anchor or tag, if there is one before the value.
Mark Builder::skip_properties(Mark mark) const {
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

std::uint32_t Builder::quoted_length(const Mark& mark) {
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

std::uint32_t Builder::rest_of_line(const Mark& mark) const {
  if (mark.offset >= text_.size()) return 1;
  const std::size_t end = std::min(text_.find_first_of("\r\n", mark.offset), text_.size());
  return std::max(static_cast<std::uint32_t>(end) - mark.offset, 1U);
}

}  // namespace croft::yaml
