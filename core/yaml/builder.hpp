#pragma once

#include <optional>
#include <unordered_map>

#include "core/yaml/tree.hpp"

namespace croft::yaml {

/// Makes a Tree from parser events, refusing what a manifest cannot mean. Knows nothing of the
/// parser.
class Builder {
 public:
  Builder(std::string_view text, Tree& tree, ReadOptions options = {})
      : text_(text), tree_(tree), options_(options) {}

  /// Thrown when going on makes no sense; the reason is among the tree's problems. Passes through
  /// the parser.
  struct Stopped {};

  void begin_document(Mark mark);
  void end_document();
  /// `length` bytes of it are written; 0: nothing stands where a value could.
  void null(Mark mark, std::uint32_t length, std::size_t anchor);
  void scalar(Mark mark, std::string_view tag, std::size_t anchor, const std::string& text);
  /// 0 is an anchor that is not there.
  void alias(Mark mark, std::size_t anchor);
  void begin_collection(Node::Type type, Mark mark, std::string_view tag, std::size_t anchor,
                        bool is_block);
  void end_collection();

  /// Records why reading must end.
  void fail(Mark mark, std::uint32_t length, std::string message, std::string hint = {});
  /// The same for what the parser says, unless the text there shows a likelier mistake.
  void fail_in_parser(Mark place, std::string message, std::string hint);

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
  NodeIndex add(Node node, std::size_t anchor);
  void attach(NodeIndex index);
  void check_tag(const Mark& mark, std::string_view tag, Node::Type type);
  void keep_tag(NodeIndex node, std::string_view tag);
  void check_indentation(const Mark& mark);
  void check_keys(const Node& map);
  void check_key(const Node& key);
  std::string describe_place(const Mark& mark) const;
  Mark skip_properties(Mark mark) const;
  std::uint32_t quoted_length(const Mark& mark);
  std::uint32_t rest_of_line(const Mark& mark) const;

  std::string_view text_;
  Tree& tree_;
  ReadOptions options_;
  std::vector<Open> open_;
  std::vector<NodeIndex> pending_;  ///< items of the open collections, not yet in links
  std::unordered_map<std::size_t, NodeIndex> anchors_;
  std::optional<NodeIndex> root_;
  std::uint32_t by_aliases_ = 0;
  Mark document_mark_;
};

}  // namespace croft::yaml
