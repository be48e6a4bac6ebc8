#include "core/manifest/compose/manifest_text.hpp"

#include <algorithm>

#include "core/manifest/decode.hpp"
#include "core/manifest/source_text.hpp"

namespace croft::manifest::compose {

namespace {

// How far a block text ("|") is indented in its manifest, or nothing if it is written otherwise.
std::optional<std::size_t> indentation_of(std::string_view manifest, const yaml::Node& node,
                                          std::string_view value) {
  if (node.mark.offset >= manifest.size() || manifest[node.mark.offset] != '|') return std::nullopt;
  const std::size_t first = manifest.find('\n', node.mark.offset);
  if (first == std::string_view::npos) return std::nullopt;
  const std::string_view line =
      manifest.substr(first + 1, manifest.find('\n', first + 1) - first - 1);
  const std::string_view wanted = value.substr(0, value.find('\n'));
  if (!line.ends_with(wanted) || wanted.empty()) return std::nullopt;
  return line.size() - wanted.size();
}

}  // namespace

void ManifestText::open() {
  if (is_open_) return;
  is_open_ = true;
  std::string_view path = stack_.origin.file;
  if (!directory_.empty() && path.starts_with(directory_))
    path.remove_prefix(directory_.size() + 1);
  Source made;
  made.file = stack_.origin.file;
  made.variables = std::make_shared<Variables>();
  if (const auto entry = repository_.find(path)) {
    const auto text = repository_.read(*entry, kLargestFile);
    if (text) made.text = std::string(without_byte_order_mark(*text));
  }
  source_ = sources_.add(std::move(made));
  const std::string& text = sources_.at(source_).text;
  if (!check_source_text(text)) yaml_ = yaml::read(text);
}

Spot ManifestText::spot_of(std::string_view path) {
  open();
  const std::uint32_t document = stack_.origin.document;
  if (document >= yaml_.documents.size()) return {source_, {}, 1};
  const Place place = find_place(yaml_, yaml_.at(yaml_.documents[document].root), path);
  const bool is_below = place.key != nullptr && place.node->mark.line != place.key->mark.line;
  const yaml::Node& node = is_below ? *place.key : *place.node;
  return {source_, node.mark, std::max(node.length, 1U)};
}

std::uint32_t ManifestText::add_inline(std::shared_ptr<const Variables> variables) {
  open();
  Source made;
  made.file = stack_.origin.file;
  made.text = sources_.at(source_).text;
  made.variables = std::move(variables);
  made.only_place = spot_of("spec.inline").mark;
  const std::uint32_t document = stack_.origin.document;
  if (document < yaml_.documents.size()) {
    const Place place = find_place(yaml_, yaml_.at(yaml_.documents[document].root), "spec.inline");
    if (const auto columns = indentation_of(made.text, *place.node, place.node->text)) {
      made.only_place.reset();
      made.lines_before = place.node->mark.line;
      made.columns_before = static_cast<std::uint32_t>(*columns);
    }
  }
  return sources_.add(std::move(made));
}

}  // namespace croft::manifest::compose
