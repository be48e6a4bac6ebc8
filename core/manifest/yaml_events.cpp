#include <istream>
#include <streambuf>

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "core/manifest/yaml_builder.hpp"

namespace croft::manifest {

namespace {

// A text as a stream, without copying it.
class TextBuffer : public std::streambuf {
 public:
  explicit TextBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // never written: there is no overflow()
    setg(begin, begin, begin + text.size());
  }
};

Mark to_mark(const YAML::Mark& mark) {
  return {static_cast<std::uint32_t>(mark.pos), static_cast<std::uint32_t>(mark.line) + 1,
          static_cast<std::uint32_t>(mark.column) + 1};
}

class Handler final : public YAML::EventHandler {
 public:
  explicit Handler(YamlBuilder& builder) : builder_(builder) {}

  void OnDocumentStart(const YAML::Mark& mark) override { builder_.begin_document(to_mark(mark)); }
  void OnDocumentEnd() override { builder_.end_document(); }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    builder_.null(to_mark(mark), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    builder_.alias(to_mark(mark), anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    builder_.scalar(to_mark(mark), tag, anchor, value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    builder_.begin_collection(YamlNode::Type::List, to_mark(mark), tag, anchor,
                              style == YAML::EmitterStyle::Block);
  }
  void OnSequenceEnd() override { builder_.end_collection(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    builder_.begin_collection(YamlNode::Type::Map, to_mark(mark), tag, anchor,
                              style == YAML::EmitterStyle::Block);
  }
  void OnMapEnd() override { builder_.end_collection(); }

 private:
  YamlBuilder& builder_;
};

}  // namespace

YamlTree read_yaml(std::string_view text) {
  YamlTree tree;
  YamlBuilder builder(text, tree);
  try {
    TextBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    Handler handler(builder);
    while (parser.HandleNextDocument(handler)) {
    }
  } catch (const YamlBuilder::Stopped&) {
    // The builder has written down why.
  } catch (const YAML::DeepRecursion& failure) {
    builder.fail_in_parser(to_mark(failure.mark), "nested too deeply");
  } catch (const YAML::Exception& failure) {
    const bool has_place = failure.mark.pos >= 0 && failure.mark.line >= 0;
    builder.fail_in_parser(has_place ? std::optional(to_mark(failure.mark)) : std::nullopt,
                           failure.msg);
  }
  return tree;
}

}  // namespace croft::manifest
