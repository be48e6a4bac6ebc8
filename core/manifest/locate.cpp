#include "core/manifest/locate.hpp"

#include <algorithm>

#include "core/manifest/decode.hpp"
#include "core/manifest/reporter.hpp"
#include "core/manifest/source_text.hpp"

namespace croft::manifest {

namespace {

// The node to point at: the value, or its key where the value begins on a later line.
const yaml::Node* node_for(const yaml::Tree& yaml, std::uint32_t document, std::string_view path) {
  if (document >= yaml.documents.size()) return nullptr;
  const Place place = find_place(yaml, yaml.at(yaml.documents[document].root), path);
  const bool is_below = place.key != nullptr && place.node->mark.line != place.key->mark.line;
  return is_below ? place.key : place.node;
}

// The mark of a line and column; the offset of what is not there is the text's end.
yaml::Mark mark_at(std::string_view text, int line, int column) {
  std::size_t offset = 0;
  for (int i = 1; i < line && offset != std::string_view::npos; ++i) {
    offset = text.find('\n', offset);
    if (offset != std::string_view::npos) ++offset;
  }
  if (offset != std::string_view::npos) offset += static_cast<std::size_t>(std::max(column, 1)) - 1;
  return {static_cast<std::uint32_t>(std::min(offset, text.size())),
          static_cast<std::uint32_t>(line), static_cast<std::uint32_t>(column)};
}

}  // namespace

Location locate(std::string_view text, std::uint32_t document, std::string_view path) {
  text = without_byte_order_mark(text);
  if (check_source_text(text)) return {};
  const yaml::Tree yaml = yaml::read(text);
  const yaml::Node* node = node_for(yaml, document, path);
  if (node == nullptr) return {};
  return {static_cast<int>(node->mark.line), static_cast<int>(node->mark.column),
          static_cast<int>(std::max(node->length, 1U))};
}

Diagnostic Locator::diagnose_at(const FieldPlaces::Place& place, std::string message,
                                std::string hint) {
  if (place.file != file_) open(place.file);
  const yaml::Mark mark = mark_at(without_byte_order_mark(text_), place.line, place.column);
  return manifest::diagnose(place.file, without_byte_order_mark(text_), mark,
                            static_cast<std::uint32_t>(std::max(place.span, 1)), std::move(message),
                            std::move(hint));
}

Diagnostic Locator::diagnose(const Resource& resource, std::string_view path, std::string message,
                             std::string hint) {
  const Origin& origin = resource.origin;
  if (const FieldPlaces::Place* place = resource.places ? resource.places->find(path) : nullptr)
    return diagnose_at(*place, std::move(message), std::move(hint));
  if (origin.file != file_) open(origin.file);
  const std::string_view text = without_byte_order_mark(text_);
  if (const yaml::Node* node = node_for(yaml_, origin.document, path)) {
    return manifest::diagnose(origin.file, text, node->mark, std::max(node->length, 1U),
                              std::move(message), std::move(hint));
  }
  Diagnostic made;
  made.position = {origin.file, origin.line, 1};
  made.message = std::move(message);
  made.hint = std::move(hint);
  return made;
}

// A file that cannot be read (any more) leaves diagnostics with the origin's line alone.
void Locator::open(const std::string& file) {
  file_ = file;
  text_.clear();
  yaml_ = {};
  std::string_view path = file;
  if (!directory_.empty() && path.starts_with(directory_))
    path.remove_prefix(directory_.size() + 1);
  const auto entry = tree_.entry(path);
  if (!entry) return;
  auto text = tree_.read(entry->id, kLargestFile);
  if (!text || check_source_text(without_byte_order_mark(*text))) return;
  text_ = std::move(*text);
  yaml_ = yaml::read(without_byte_order_mark(text_));
}

}  // namespace croft::manifest
