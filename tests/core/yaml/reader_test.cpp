#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "core/yaml/tree.hpp"

namespace croft::yaml {
namespace {

using testing::Eq;

// One line for a tree, however it was written: texts in quotes, nulls as ~.
std::string shape_of(const Tree& tree, const Node& node) {
  std::string shape;
  switch (node.type) {
    case Node::Type::Null:
      return "~";
    case Node::Type::Scalar:
      return "\"" + node.text + "\"";
    case Node::Type::List:
      for (const NodeIndex item : tree.items(node)) shape += shape_of(tree, tree.at(item)) + " ";
      return "[ " + shape + "]";
    case Node::Type::Map:
      for (const NodeIndex item : tree.items(node)) shape += shape_of(tree, tree.at(item)) + " ";
      return "{ " + shape + "}";
  }
  return shape;
}

std::string shape_of(const Tree& tree) {
  std::string shape;
  for (const Tree::Document& document : tree.documents)
    shape += shape_of(tree, tree.at(document.root)) + "\n";
  return shape;
}

std::string shape_of(const YAML::Node& node) {
  std::string shape;
  switch (node.Type()) {
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null:
      return "~";
    case YAML::NodeType::Scalar:
      return "\"" + node.Scalar() + "\"";
    case YAML::NodeType::Sequence:
      for (const auto& item : node) shape += shape_of(item) + " ";
      return "[ " + shape + "]";
    case YAML::NodeType::Map:
      for (const auto& entry : node)
        shape += shape_of(entry.first) + " " + shape_of(entry.second) + " ";
      return "{ " + shape + "}";
  }
  return shape;
}

// What yaml-cpp makes of a text; nothing if it refuses it.
std::optional<std::string> shape_by_yaml_cpp(const std::string& text) {
  try {
    std::string shape;
    for (const YAML::Node& document : YAML::LoadAll(text)) shape += shape_of(document) + "\n";
    return shape;
  } catch (const YAML::Exception&) {
    return std::nullopt;
  }
}

std::string read_whole(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// The n-th node whose text this is.
const Node* find_text(const Tree& tree, std::string_view text) {
  const auto found = std::ranges::find(tree.nodes, text, &Node::text);
  return found == tree.nodes.end() ? nullptr : &*found;
}

std::string place_of(const Tree& tree, std::string_view text) {
  const Node* node = find_text(tree, text);
  if (node == nullptr) return "nowhere";
  return std::to_string(node->mark.offset) + " " + std::to_string(node->mark.line) + ":" +
         std::to_string(node->mark.column);
}

TEST(YamlReaderTest, ReadsWhatAnotherParserReads) {
  const std::vector<std::string> texts = {
      "a: 1\nb: [x, 'y', \"z\\n\"]\nc: {d: e, f: ~}\n",
      "- - a\n  - b\n- c:\n    d\n-\n",
      "a: |\n  one\n   two\n\nb: >-\n  folded\n  text\n\n  par\nc: |+\n  keep\n\n",
      "a: plain\n  goes on\n\n  here # not this\nb: 'it''s\n\n  long'\n",
      "\"quoted key\": v\n'other': \"a\\tb\\x41\\u00e9\\U0001F600\"\n? long key\n: value\n",
      "a: http://x/y:z\nb: a#b\nc: -1\nd: - x\n",
      "--- a\n...\n---\n- b\n--- {c: d}\n",
      "a: &x {b: c}\nd: *x\ne: [*x, *x]\n",
      "{a: [1, 2, {b: c}], \"d\":e, f: }\n",
      "gr\xC3\xBC\xC3\x9F: \"\xF0\x9F\x90\x98\"\n",
      "empty:\nnot: Null\nthis: ''\n",
  };
  for (const std::string& text : texts) {
    const Tree tree = read(text);
    const auto theirs = shape_by_yaml_cpp(text);
    if (!theirs) continue;  // yaml-cpp 0.7 refuses some of YAML 1.2
    EXPECT_TRUE(tree.problems.empty()) << text << tree.problems.front().message;
    EXPECT_EQ(shape_of(tree), *theirs) << text;
  }
}

TEST(YamlReaderTest, ReadsEveryManifestOfThisRepositoryAsAnotherParserDoes) {
  int compared = 0;
  for (const char* directory : {"examples", "tests/data"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(
             std::filesystem::path(CROFT_SOURCE_DIR) / directory)) {
      if (!entry.is_regular_file()) continue;
      const std::string text = read_whole(entry.path());
      const Tree tree = read(text);
      if (!tree.problems.empty()) continue;  // yaml-cpp would give bombs and cycles without end
      const auto theirs = shape_by_yaml_cpp(text);
      if (!theirs) continue;
      ++compared;
      EXPECT_EQ(shape_of(tree), *theirs) << entry.path();
    }
  }
  EXPECT_GE(compared, 20);
}

TEST(YamlReaderTest, PlacesCountBytesAndLineFeeds) {
  EXPECT_EQ(place_of(read("a: b\nc: {d: e}\n"), "e"), "12 2:8");
  // Characters of two and four bytes before it, on its line and on others.
  EXPECT_EQ(place_of(read("gr\xC3\xBCn: \"\xF0\x9F\x90\x98\"\n\xC3\xA9: e\n"), "e"), "18 2:5");
  EXPECT_EQ(place_of(read("\xEF\xBB\xBF"
                          "a: e\n"),
                     "e"),
            "6 1:7");
  EXPECT_EQ(place_of(read("a: b\r\nc: e\r\n"), "e"), "9 2:4");
}

TEST(YamlReaderTest, AMistakeIsPlacedWhereItBegan) {
  const auto first = [](const std::string& text) {
    const Tree tree = read(text);
    if (tree.problems.empty()) return std::string("none");
    const Problem& problem = tree.problems.front();
    return std::to_string(problem.mark.line) + ":" + std::to_string(problem.mark.column) + " " +
           problem.message;
  };
  EXPECT_THAT(first("a: \"x\nb: y\n"), Eq("1:4 this quote is never closed"));
  EXPECT_THAT(first("\xC3\xA9: [x,\nb: {\n"), Eq("2:4 the '{' of this map is never closed"));
  EXPECT_THAT(first("a: 1\nword\nb: 2\n"), Eq("2:1 a ':' is missing after this"));
  EXPECT_THAT(first("a: 1\n  b: 2\n"), Eq("2:4 a ':' cannot stand here"));
  EXPECT_THAT(first("a: ]\n"), Eq("1:4 this bracket was never opened"));
  EXPECT_THAT(first("a: \"\\q\"\n"), Eq("1:5 no such escape in a text in double quotes"));
  EXPECT_THAT(first("a: x\xFFy\n"), Eq("1:5 this is no text: invalid leading UTF-8 octet"));
  EXPECT_THAT(first("a: !<> x\n"), testing::HasSubstr("this is not YAML: "));
}

TEST(YamlReaderTest, NullsAreWhatIsWrittenWithoutQuotes) {
  EXPECT_EQ(shape_of(read("[~, null, Null, NULL, '~', \"null\", nULL, !!str null]\n")),
            "[ ~ ~ ~ ~ \"~\" \"null\" \"nULL\" \"null\" ]\n");
  const Tree tree = read("a:\nnull: x\n");
  ASSERT_EQ(tree.items(tree.at(tree.documents[0].root)).size(), 4U);
  EXPECT_FALSE(tree.at(tree.items(tree.at(tree.documents[0].root))[1]).is_written);
  EXPECT_TRUE(tree.at(tree.items(tree.at(tree.documents[0].root))[2]).is_written);
}

}  // namespace
}  // namespace croft::yaml
