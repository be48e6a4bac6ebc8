#include "core/base/value.hpp"

#include <algorithm>
#include <charconv>

namespace croft {

Value::Value(List list) : data_(std::move(list)) {}

Value Value::map() {
  Value value;
  value.data_ = Map{};
  return value;
}

Value Value::map(std::initializer_list<std::pair<std::string_view, Value>> entries) {
  Value value = map();
  for (const auto& [key, entry] : entries) value.set(key, entry);
  return value;
}

namespace {

auto lower_bound(auto& map, std::string_view key) {
  return std::lower_bound(
      map.begin(), map.end(), key,
      [](const auto& entry, std::string_view wanted) { return entry.key < wanted; });
}

}  // namespace

const Value* Value::find(std::string_view key) const {
  const Map* map = std::get_if<Map>(&data_);
  if (map == nullptr) return nullptr;
  const auto it = lower_bound(*map, key);
  return it != map->end() && it->key == key ? &it->value : nullptr;
}

Value* Value::find(std::string_view key) {
  return const_cast<Value*>(std::as_const(*this).find(key));
}

const Value* Value::at_path(std::string_view path) const {
  const Value* here = this;
  while (here != nullptr && !path.empty()) {
    if (path.front() == '[') {
      std::size_t index = 0;
      const std::size_t close = path.find(']');
      if (close == std::string_view::npos || !here->is_list()) return nullptr;
      std::from_chars(path.data() + 1, path.data() + close, index);
      here = index < here->size() ? &here->as_list()[index] : nullptr;
      path.remove_prefix(close + 1);
    } else {
      const std::size_t end = std::min(path.find_first_of(".["), path.size());
      here = here->find(path.substr(0, end));
      path.remove_prefix(end);
    }
    if (path.starts_with('.')) path.remove_prefix(1);
  }
  return here;
}

std::string Value::text_or(std::string_view path, std::string_view fallback) const {
  const Value* found = at_path(path);
  return std::string(found != nullptr && found->is_text() ? std::string_view(found->as_text())
                                                          : fallback);
}

std::int64_t Value::integer_or(std::string_view path, std::int64_t fallback) const {
  const Value* found = at_path(path);
  return found != nullptr && found->is_integer() ? found->as_integer() : fallback;
}

bool Value::boolean_or(std::string_view path, bool fallback) const {
  const Value* found = at_path(path);
  return found != nullptr && found->is_boolean() ? found->as_boolean() : fallback;
}

Value& Value::set(std::string_view key, Value value) {
  if (is_null()) data_ = Map{};
  Map& map = std::get<Map>(data_);
  auto it = lower_bound(map, key);
  if (it != map.end() && it->key == key) {
    it->value = std::move(value);
  } else {
    it = map.insert(it, Entry{std::string(key), std::move(value)});
  }
  return it->value;
}

bool Value::erase(std::string_view key) {
  Map* map = std::get_if<Map>(&data_);
  if (map == nullptr) return false;
  const auto it = lower_bound(*map, key);
  if (it == map->end() || it->key != key) return false;
  map->erase(it);
  return true;
}

void Value::push_back(Value value) {
  if (is_null()) data_ = List{};
  std::get<List>(data_).push_back(std::move(value));
}

std::size_t Value::size() const {
  if (const List* list = std::get_if<List>(&data_)) return list->size();
  if (const Map* map = std::get_if<Map>(&data_)) return map->size();
  return 0;
}

bool Value::operator==(const Value& other) const { return data_ == other.data_; }

}  // namespace croft
