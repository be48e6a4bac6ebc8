#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/manifest/compose/source.hpp"

namespace croft::manifest::compose {

/// A value of a compose file with its place: what stays of YAML once aliases and merge keys are
/// followed and variables are put in. A value type; files are merged by copying.
struct Item {
  enum class Type : std::uint8_t { Null, Scalar, List, Map };
  enum class Tag : std::uint8_t {
    None,
    Reset,     ///< `!reset`: nothing, in the place of what an earlier file says
    Override,  ///< `!override`: this alone, not merged with what an earlier file says
  };
  struct Entry;

  Type type = Type::Null;
  Tag tag = Tag::None;
  bool is_plain = false;        ///< of a Scalar: it may be a number or a boolean
  bool is_substituted = false;  ///< of a Scalar: variables were put in, so that its type is the
                                ///< key's to say
  std::string text;             ///< of a Scalar
  std::vector<Item> items;      ///< of a List
  std::vector<Entry> entries;   ///< of a Map, in the order of the file; keys are unique
  Spot spot;

  bool is_null() const { return type == Type::Null; }
  bool is_scalar() const { return type == Type::Scalar; }
  bool is_list() const { return type == Type::List; }
  bool is_map() const { return type == Type::Map; }

  const Entry* find_entry(std::string_view key) const;
  const Item* find(std::string_view key) const;
  Item* find(std::string_view key);
  /// Sets an entry, in its place if there is one of that key.
  Item& set(std::string_view key, const Spot& key_spot, Item value);
  bool erase(std::string_view key);

  static Item null(const Spot& spot);
  static Item scalar(std::string text, const Spot& spot);
  static Item list(const Spot& spot);
  static Item map(const Spot& spot);
};

struct Item::Entry {
  std::string key;
  Spot spot;  ///< of the key
  Item value;
};

/// What a scalar is by YAML 1.2's core schema; what has quotes is a text.
enum class Shape : std::uint8_t { Text, Integer, Number, Boolean };
Shape shape_of(const Item& scalar);
/// The text that compose makes of a scalar where a text may be written as a number: 012 is 10, 1.10
/// is 1.1.
std::string canonical_text(const Item& scalar);

/// True if both hold the same, wherever they stand.
bool is_same(const Item& a, const Item& b);
/// Nodes from here down, and the bytes of their texts and keys.
struct ItemWeight {
  std::size_t items = 0;
  std::size_t text = 0;
};
ItemWeight weight_of(const Item& item);

/// Makes an Item of a YAML document. Bounds what all documents of a project may become.
class ItemReader {
 public:
  static constexpr std::size_t kMostItems = 200'000;
  static constexpr std::size_t kMostEntries = 2'000;    ///< of one map or list
  static constexpr std::size_t kMostText = 8 << 20;     ///< of all values, variables put in
  static constexpr std::size_t kLongestText = 131'072;  ///< of one value that has variables

  explicit ItemReader(Complaints& complaints) : complaints_(complaints) {}

  /// The items of the document, variables put in.
  Item read(const yaml::Tree& tree, yaml::NodeIndex root, std::uint32_t source,
            const Variables& variables);
  /// Counts what is copied; false once it is too much, which was reported.
  bool count(const ItemWeight& copied, const Spot& spot);

 private:
  Item make(yaml::NodeIndex index);
  Item scalar(yaml::NodeIndex index);
  void map(const yaml::Node& node, Item& into);
  struct Merged {  ///< what `<<` brings
    std::vector<Item::Entry> entries;
    std::unordered_set<std::string> keys;
  };
  void merge_into(yaml::NodeIndex value, Merged& merged);
  void put_variables_in(Item& item);
  void judge_tag(yaml::NodeIndex index, Item& item);
  Spot spot_of(const yaml::Node& node) const;

  Complaints& complaints_;
  const yaml::Tree* tree_ = nullptr;
  const Variables* variables_ = nullptr;
  std::uint32_t source_ = 0;
  std::size_t items_ = 0;
  std::size_t text_ = 0;
  bool is_too_much_ = false;
};

}  // namespace croft::manifest::compose
