#pragma once

#include <optional>
#include <unordered_map>

#include "core/manifest/yaml_tree.hpp"

namespace croft::manifest {

/// Makes a YamlTree from parser events, refusing what a manifest cannot mean. Knows nothing of the
/// parser.
class YamlBuilder {
 public:
  YamlBuilder(std::string_view text, YamlTree& tree) : text_(text), tree_(tree) {}

  /// Thrown when going on makes no sense; the reason is among the tree's problems. Passes through
  /// the parser.
  struct Stopped {};

  void begin_document(Mark mark);
  void end_document();
  void null(Mark mark, std::size_t anchor);
  void scalar(Mark mark, std::string_view tag, std::size_t anchor, const std::string& text);
  void alias(Mark mark, std::size_t anchor);
  void begin_collection(YamlNode::Type type, Mark mark, std::string_view tag, std::size_t anchor,
                        bool is_block);
  void end_collection();

  /// Records why reading must end.
  void fail(Mark mark, std::uint32_t length, std::string message, std::string hint = {});
  /// The message for a parser's own, at a place in the text.
  void fail_in_parser(std::optional<Mark> mark, const std::string& message);

 private:
  struct Open {
    NodeIndex node;
    std::size_t anchor;
    std::size_t first_pending;
    bool is_block;
  };

  [[noreturn]] void stop(Mark mark, std::uint32_t length, std::string message,
                         std::string hint = {});
  void complain(Mark mark, std::uint32_t length, std::string message, std::string hint = {});
  NodeIndex add(YamlNode node, std::size_t anchor);
  void attach(NodeIndex index);
  void check_tag(const Mark& mark, std::string_view tag, YamlNode::Type type);
  void check_indentation(const Mark& mark);
  void check_keys(const YamlNode& map);
  void check_key(const YamlNode& key);
  std::string describe_place(const Mark& mark) const;
  Mark skip_properties(Mark mark) const;
  std::uint32_t quoted_length(const Mark& mark);
  std::uint32_t rest_of_line(const Mark& mark) const;

  std::string_view text_;
  YamlTree& tree_;
  std::vector<Open> open_;
  std::vector<NodeIndex> pending_;  ///< items of the open collections, not yet in links
  std::unordered_map<std::size_t, NodeIndex> anchors_;
  std::optional<NodeIndex> root_;
  std::uint32_t by_aliases_ = 0;
  Mark document_mark_;
  std::uint32_t last_offset_ = 0;
};

}  // namespace croft::manifest
