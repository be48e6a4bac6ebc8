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

Diagnostic Locator::diagnose(const Origin& origin, std::string_view path, std::string message,
                             std::string hint) {
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
