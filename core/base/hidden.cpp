#include "core/base/hidden.hpp"

#include <algorithm>

namespace croft {

namespace {

constexpr std::size_t kShortest = 4;

}  // namespace

void HiddenTexts::add(const Secret<std::string>& text) {
  const std::string& clear = text.reveal();
  if (clear.size() < kShortest) return;
  const auto is_before = [&](const Secret<std::string>& other) {
    return other.reveal().size() > clear.size();
  };
  const auto place = std::ranges::find_if_not(texts_, is_before);
  for (auto same = place; same != texts_.end() && same->reveal().size() == clear.size(); ++same) {
    if (same->reveal() == clear) return;
  }
  texts_.insert(place, text);
}

void HiddenTexts::add(const HiddenTexts& others) {
  for (const Secret<std::string>& text : others.texts_) add(text);
}

std::string HiddenTexts::cut(std::string_view text) const {
  std::string clean(text);
  for (const Secret<std::string>& hidden : texts_) {
    const std::string& clear = hidden.reveal();
    for (std::size_t at = clean.find(clear); at != std::string::npos; at = clean.find(clear, at)) {
      clean.replace(at, clear.size(), kRedacted);
      at += kRedacted.size();
    }
  }
  return clean;
}

Value with_texts(const Value& value, const std::function<std::string(std::string_view)>& change) {
  if (value.is_text()) return Value(change(value.as_text()));
  if (value.is_list()) {
    Value list = Value::list();
    for (const Value& item : value.as_list()) list.push_back(with_texts(item, change));
    return list;
  }
  if (!value.is_map()) return value;
  Value map = Value::map();
  for (const Value::Entry& entry : value.as_map())
    map.set(entry.key, with_texts(entry.value, change));
  return map;
}

}  // namespace croft
