#pragma once
// Room core/yaml: a YAML text as a tree in which every value knows its place. Stands below all
// others, so that manifests and the settings file are read by one parser.
//
//   tree      what reading gives
//   builder   refuses what YAML allows and no file of ours means: bombs, and unless the reader asks
//             for them tags and merge keys
//   reader    the parser (libyaml), and its messages in our words

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace croft::yaml {

/// A place in a text: bytes from its start; line and column from 1, the column in bytes.
struct Mark {
  std::uint32_t offset = 0;
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

using NodeIndex = std::uint32_t;

/// One node of a YAML tree. What its text means is for the field to say that reads it.
struct Node {
  enum class Type : std::uint8_t { Null, Scalar, List, Map };
  Type type = Type::Null;
  bool is_plain = true;      ///< of a Scalar: without quotes
  bool is_written = true;    ///< of a Null: "~" or "null" stands there; else nothing does
  std::uint8_t height = 1;   ///< levels from here down, aliases followed
  std::uint32_t weight = 1;  ///< nodes from here down, aliases expanded
  std::uint32_t length = 0;  ///< bytes in the text to underline, on its first line
  std::uint32_t first = 0;   ///< of its items in Tree::links
  std::uint32_t count = 0;  ///< items: of a List its elements; of a Map key, value, key, value, ...
  Mark mark;
  std::string text;  ///< of a Scalar

  static Node of(Type type, Mark mark) {
    Node node;
    node.type = type;
    node.mark = mark;
    return node;
  }
};

/// Something that is no good in the text, before any field was looked at.
struct Problem {
  std::uint32_t document = 0;
  Mark mark;
  std::uint32_t length = 1;
  std::string message;
  std::string hint;
};

/// What a text may use of YAML beyond what a manifest needs.
struct ReadOptions {
  bool takes_merge_keys = false;  ///< `<<` is left among a map's keys, for the caller to merge
  bool takes_tags = false;        ///< tags are kept in Tree::tags, for the caller to judge
};

/// All documents of one file. Aliases are links to the node they name, so that a tree is never
/// larger than its text; how much a walk through it can meet is bounded when it is built.
class Tree {
 public:
  static constexpr std::uint32_t kDeepest = 64;
  static constexpr std::uint32_t kMostByAliases =
      10'000;  ///< nodes that aliases may add to a document
  static constexpr std::size_t kMostProblems = 100;

  struct Document {
    NodeIndex root = 0;
    Mark mark;
  };

  /// The tag that a node was written with ("!reset", "!!int"), by its index.
  struct Tag {
    NodeIndex node = 0;
    std::string name;
  };

  std::vector<Node> nodes;
  std::vector<NodeIndex> links;
  std::vector<Tag> tags;            ///< sorted by node
  std::vector<Document> documents;  ///< those that were read to their end, empty ones included
  std::vector<Problem> problems;    ///< each makes its document unfit
  bool is_complete =
      true;  ///< false: reading stopped at the last problem, which concerns the whole file

  const Node& at(NodeIndex index) const { return nodes[index]; }
  std::span<const NodeIndex> items(const Node& node) const {
    return std::span(links).subspan(node.first, node.count);
  }
  /// The value of a key of a Map, or null.
  const Node* find(const Node& map, std::string_view key) const;
  /// The tag of a node; "" if it has none.
  std::string_view tag_of(NodeIndex index) const;
};

/// Reads a text, UTF-8. Never fails: what is wrong is in `problems`. Throws std::bad_alloc only.
Tree read(std::string_view text, ReadOptions options = {});

}  // namespace croft::yaml
