#include "cli/import/engine_json.hpp"

namespace croft::cli {

const Value& at(const Value& from, Keys keys) {
  static const Value kNothing;
  const Value* found = &from;
  for (const std::string_view key : keys) {
    found = found->find(key);
    if (found == nullptr) return kNothing;
  }
  return *found;
}

std::string text_at(const Value& from, Keys keys) {
  const Value& found = at(from, keys);
  return found.is_text() ? found.as_text() : std::string();
}

std::int64_t integer_at(const Value& from, Keys keys) {
  const Value& found = at(from, keys);
  return found.is_integer() ? found.as_integer() : 0;
}

bool truth_at(const Value& from, Keys keys) {
  const Value& found = at(from, keys);
  return found.is_boolean() && found.as_boolean();
}

std::vector<std::string> texts_at(const Value& from, Keys keys) {
  std::vector<std::string> texts;
  const Value& found = at(from, keys);
  if (!found.is_list()) return texts;
  for (const Value& one : found.as_list()) {
    if (one.is_text()) texts.push_back(one.as_text());
  }
  return texts;
}

std::map<std::string, std::string> pairs_at(const Value& from, Keys keys) {
  std::map<std::string, std::string> pairs;
  const Value& found = at(from, keys);
  if (!found.is_map()) return pairs;
  for (const Value::Entry& entry : found.as_map()) {
    if (entry.value.is_text()) pairs.emplace(entry.key, entry.value.as_text());
  }
  return pairs;
}

std::map<std::string, std::string> variables_at(const Value& from, Keys keys) {
  std::map<std::string, std::string> variables;
  for (const std::string& text : texts_at(from, keys)) {
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos)
      variables.insert_or_assign(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

Value to_list(const std::vector<std::string>& texts) {
  Value list = Value::list();
  for (const std::string& text : texts) list.push_back(Value(text));
  return list;
}

Value to_map(const std::map<std::string, std::string>& pairs) {
  Value map = Value::map();
  for (const auto& [name, text] : pairs) map.set(name, Value(text));
  return map;
}

}  // namespace croft::cli
