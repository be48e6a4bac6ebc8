#include "core/manifest/compose/item.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "core/manifest/source_text.hpp"

namespace croft::manifest::compose {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view without_sign(std::string_view text) {
  return text.starts_with('-') || text.starts_with('+') ? text.substr(1) : text;
}

// The integer that YAML and compose see: decimal, 0x1F, 0o17, and 017 as an octal number.
std::optional<std::int64_t> integer_of(std::string_view written) {
  std::string digits(without_sign(written));
  std::erase(digits, '_');
  int base = 10;
  std::string_view rest = digits;
  if (rest.starts_with("0x") || rest.starts_with("0X")) {
    base = 16;
    rest.remove_prefix(2);
  } else if (rest.starts_with("0o")) {
    base = 8;
    rest.remove_prefix(2);
  } else if (rest.size() > 1 && rest.starts_with('0')) {
    base = 8;
    rest.remove_prefix(1);
  }
  const bool begins_well = !rest.empty() && !written.starts_with('_') && rest.front() != '-';
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(rest.data(), rest.data() + rest.size(), number, base);
  if (!begins_well || failure != std::errc{} || end != rest.data() + rest.size())
    return std::nullopt;
  return written.starts_with('-') ? -number : number;
}

bool is_number(std::string_view text) {
  text = without_sign(text);
  if (text == ".inf" || text == ".Inf" || text == ".INF" || text == ".nan" || text == ".NaN" ||
      text == ".NAN")
    return true;
  bool has_digit = false;
  std::size_t i = 0;
  const auto digits = [&] {
    while (i < text.size() && is_digit(text[i])) {
      has_digit = true;
      ++i;
    }
  };
  digits();
  if (i < text.size() && text[i] == '.') {
    ++i;
    digits();
  }
  if (!has_digit) return false;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (i == text.size()) return false;
    while (i < text.size() && is_digit(text[i])) ++i;
  }
  return i == text.size();
}

bool is_boolean(std::string_view text) {
  return text == "true" || text == "True" || text == "TRUE" || text == "false" || text == "False" ||
         text == "FALSE";
}

}  // namespace

const Item::Entry* Item::find_entry(std::string_view key) const {
  const auto found = std::ranges::find(entries, key, &Entry::key);
  return found == entries.end() ? nullptr : &*found;
}

const Item* Item::find(std::string_view key) const {
  const Entry* entry = find_entry(key);
  return entry == nullptr ? nullptr : &entry->value;
}

Item* Item::find(std::string_view key) { return const_cast<Item*>(std::as_const(*this).find(key)); }

Item& Item::set(std::string_view key, const Spot& key_spot, Item value) {
  const auto found = std::ranges::find(entries, key, &Entry::key);
  if (found == entries.end()) {
    entries.push_back({std::string(key), key_spot, std::move(value)});
    return entries.back().value;
  }
  found->spot = key_spot;
  found->value = std::move(value);
  return found->value;
}

bool Item::erase(std::string_view key) {
  return std::erase_if(entries, [&](const Entry& entry) { return entry.key == key; }) > 0;
}

Item Item::null(const Spot& spot) {
  Item made;
  made.spot = spot;
  return made;
}

Item Item::scalar(std::string text, const Spot& spot) {
  Item made;
  made.type = Type::Scalar;
  made.text = std::move(text);
  made.spot = spot;
  return made;
}

Item Item::list(const Spot& spot) {
  Item made;
  made.type = Type::List;
  made.spot = spot;
  return made;
}

Item Item::map(const Spot& spot) {
  Item made;
  made.type = Type::Map;
  made.spot = spot;
  return made;
}

Shape shape_of(const Item& scalar) {
  if (!scalar.is_plain || scalar.is_substituted) return Shape::Text;
  if (is_boolean(scalar.text)) return Shape::Boolean;
  if (integer_of(scalar.text)) return Shape::Integer;
  return is_number(scalar.text) ? Shape::Number : Shape::Text;
}

std::string canonical_text(const Item& scalar) {
  switch (shape_of(scalar)) {
    case Shape::Text:
      return scalar.text;
    case Shape::Boolean:
      return scalar.text.front() == 't' || scalar.text.front() == 'T' ? "true" : "false";
    case Shape::Integer:
      return std::to_string(*integer_of(scalar.text));
    case Shape::Number:
      break;
  }
  // What has an exponent is a text to the parsers that most compose files were written for.
  if (scalar.text.find_first_of("eE") != std::string::npos) return scalar.text;
  const std::string_view digits =
      scalar.text.starts_with('+') ? std::string_view(scalar.text).substr(1) : scalar.text;
  double number = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (failure != std::errc{} || end != digits.data() + digits.size() || !std::isfinite(number))
    return scalar.text;
  std::string made = fmt::format("{}", number);
  if (made.find_first_of(".e") == std::string::npos) made += ".0";
  return made;
}

bool is_same(const Item& a, const Item& b) {
  if (a.type != b.type || a.text != b.text || shape_of(a) != shape_of(b)) return false;
  if (!std::ranges::equal(a.items, b.items, is_same)) return false;
  return a.entries.size() == b.entries.size() &&
         std::ranges::all_of(a.entries, [&](const Item::Entry& entry) {
           const Item* other = b.find(entry.key);
           return other != nullptr && is_same(entry.value, *other);
         });
}

ItemWeight weight_of(const Item& item) {
  ItemWeight weight{1, item.text.size()};
  const auto add = [&](const ItemWeight& more) {
    weight.items += more.items;
    weight.text += more.text;
  };
  for (const Item& one : item.items) add(weight_of(one));
  for (const Item::Entry& entry : item.entries) {
    add(weight_of(entry.value));
    weight.text += entry.key.size();
  }
  return weight;
}

Item ItemReader::read(const yaml::Tree& tree, yaml::NodeIndex root, std::uint32_t source,
                      const Variables& variables) {
  tree_ = &tree;
  source_ = source;
  variables_ = &variables;
  return make(root);
}

bool ItemReader::count(const ItemWeight& copied, const Spot& spot) {
  items_ += copied.items;
  text_ += copied.text;
  const bool is_more = items_ > kMostItems || text_ > kMostText;
  if (is_more && !is_too_much_) {
    complaints_.error(spot, items_ > kMostItems
                                ? fmt::format("the project has more than {} values", kMostItems)
                                : fmt::format("the values of the project are longer than {} MiB",
                                              kMostText >> 20));
  }
  is_too_much_ = is_too_much_ || is_more;
  return !is_too_much_;
}

Spot ItemReader::spot_of(const yaml::Node& node) const {
  return {source_, node.mark, std::max(node.length, 1U)};
}

Item ItemReader::make(yaml::NodeIndex index) {
  const yaml::Node& node = tree_->at(index);
  if (!count({.items = 1}, spot_of(node))) return Item::null(spot_of(node));
  if (node.type == yaml::Node::Type::Scalar) return scalar(index);
  Item made = Item::null(spot_of(node));
  const std::size_t entries = node.type == yaml::Node::Type::Map ? node.count / 2 : node.count;
  if (entries > kMostEntries) {
    complaints_.error(made.spot, fmt::format("this has more than {} entries", kMostEntries));
    return made;
  }
  if (node.type == yaml::Node::Type::List) {
    made.type = Item::Type::List;
    for (const yaml::NodeIndex item : tree_->items(node)) made.items.push_back(make(item));
  } else if (node.type == yaml::Node::Type::Map) {
    made.type = Item::Type::Map;
    map(node, made);
  }
  judge_tag(index, made);
  return made;
}

Item ItemReader::scalar(yaml::NodeIndex index) {
  const yaml::Node& node = tree_->at(index);
  Item made = Item::scalar(node.text, spot_of(node));
  if (node.text.find('\0') != std::string::npos || !is_utf8(node.text)) {
    complaints_.error(made.spot, "this text holds a NUL or something that is not Unicode");
    made.text.clear();
  }
  made.is_plain = node.is_plain;
  judge_tag(index, made);
  if (made.is_scalar()) put_variables_in(made);
  return made;
}

// Keys of the map itself stand before those that `<<` brings, and of several maps the first wins.
void ItemReader::map(const yaml::Node& node, Item& into) {
  const auto items = tree_->items(node);
  Merged merged;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const yaml::Node& key = tree_->at(items[i]);
    if (key.is_plain && key.text == "<<") {
      merge_into(items[i + 1], merged);
    } else {
      into.entries.push_back({key.text, spot_of(key), make(items[i + 1])});
    }
  }
  if (merged.entries.empty()) return;
  std::unordered_set<std::string> own;
  for (const Item::Entry& entry : into.entries) own.insert(entry.key);
  for (Item::Entry& entry : merged.entries) {
    if (!own.contains(entry.key)) into.entries.push_back(std::move(entry));
  }
}

void ItemReader::merge_into(yaml::NodeIndex value, Merged& merged) {
  const yaml::Node& node = tree_->at(value);
  const Spot spot = spot_of(node);
  Item made = make(value);
  std::vector<Item> maps;
  if (made.is_list()) {
    maps = std::move(made.items);
  } else {
    maps.push_back(std::move(made));
  }
  for (Item& one : maps) {
    if (!one.is_map()) {
      complaints_.error(spot, "'<<' takes a map, or a list of maps",
                        "for example '<<: *defaults', where '&defaults' stands before a map");
      continue;
    }
    for (Item::Entry& entry : one.entries) {
      if (!merged.keys.insert(entry.key).second) continue;
      if (merged.entries.size() == kMostEntries) {
        complaints_.error(spot, fmt::format("'<<' brings more than {} entries", kMostEntries),
                          "split the map that it stands in");
        return;
      }
      merged.entries.push_back(std::move(entry));
    }
  }
}

void ItemReader::put_variables_in(Item& item) {
  if (item.text.find('$') != std::string::npos) {
    Substitution made = substitute(item.text, *variables_, kLongestText);
    if (!made.error.empty()) complaints_.error(item.spot, "this text " + made.error, made.hint);
    for (const std::string& name : made.missing) {
      complaints_.warning(item.spot,
                          fmt::format("the variable {} is not set; it stands for nothing", name),
                          "set it in the Stack's 'variables', or in .env beside the file");
    }
    item.text = std::move(made.text);
    item.is_substituted = made.is_changed;
  }
  count({.text = item.text.size()}, item.spot);
}

void ItemReader::judge_tag(yaml::NodeIndex index, Item& item) {
  const std::string_view tag = tree_->tag_of(index);
  if (tag.empty() || tag == "!!seq" || tag == "!!map") return;
  const bool is_null = item.is_scalar() && item.is_plain &&
                       (item.text.empty() || item.text == "null" || item.text == "~");
  if (tag == "!reset" || tag == "!override") {
    item.tag = tag == "!reset" ? Item::Tag::Reset : Item::Tag::Override;
    if (is_null) item.type = Item::Type::Null;
  } else if (tag == "!!null" && is_null) {
    item.type = Item::Type::Null;
  } else if (item.is_scalar() && (tag == "!!str" || tag == "!")) {
    item.is_plain = false;
  } else if (item.is_scalar() && (tag == "!!int" || tag == "!!float" || tag == "!!bool")) {
    item.is_plain = true;
  } else {
    complaints_.error(item.spot, fmt::format("the tag '{}' has no meaning in a compose file", tag),
                      "there are !reset and !override; remove it otherwise");
  }
}

}  // namespace croft::manifest::compose
