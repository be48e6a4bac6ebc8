#include "core/resource/field.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace croft {

Field Field::with_default(Value value) const {
  Field copy = *this;
  copy.fallback = std::move(value);
  return copy;
}

Field Field::as_required() const {
  Field copy = *this;
  copy.required = true;
  return copy;
}

Field Field::between(std::int64_t low, std::int64_t high) const {
  Field copy = *this;
  copy.minimum = low;
  copy.maximum = high;
  return copy;
}

Field Field::one_of(std::vector<std::string> texts) const {
  Field copy = *this;
  copy.choices = std::move(texts);
  return copy;
}

Field Field::checked_by(std::optional<Error> (*function)(const Value&)) const {
  Field copy = *this;
  copy.check = function;
  return copy;
}

Field Field::cross_checked_by(std::vector<FieldProblem> (*function)(const Value&)) const {
  Field copy = *this;
  copy.cross_check = function;
  return copy;
}

Field Field::later(std::string feature) const {
  Field copy = *this;
  copy.arrives_with = std::move(feature);
  return copy;
}

Field Field::replaces() const {
  Field copy = *this;
  copy.effect = ChangeEffect::Replace;
  return copy;
}

Field Field::for_croft() const {
  Field copy = *this;
  copy.is_for_croft = true;
  return copy;
}

Field Field::for_operator() const {
  Field copy = *this;
  copy.is_for_operator = true;
  return copy;
}

Field Field::or_secret() const {
  Field copy = *this;
  copy.allows_secret = true;
  return copy;
}

Field Field::like(std::string yaml) const {
  Field copy = *this;
  copy.example = std::move(yaml);
  return copy;
}

const Field* Field::find(std::string_view field_name) const {
  const auto found = std::ranges::find(fields, field_name, &Field::name);
  return found == fields.end() ? nullptr : &*found;
}

const Field* Field::at_path(std::string_view path) const {
  const Field* here = this;
  while (here != nullptr && !path.empty()) {
    if (path.front() == '[') {
      const std::size_t close = path.find(']');
      if (here->type != FieldType::List || close == std::string_view::npos) return nullptr;
      here = here->element.get();
      path.remove_prefix(close + 1);
    } else if (here->type == FieldType::List) {
      // "volumes.size" means the size of each volume: the index may be left out.
      here = here->element.get();
      continue;
    } else {
      const std::size_t end = std::min(path.find_first_of(".["), path.size());
      here = here->type == FieldType::Map ? here->element.get() : here->find(path.substr(0, end));
      path.remove_prefix(end);
    }
    if (path.starts_with('.')) path.remove_prefix(1);
  }
  return here;
}

namespace {

Field simple_field(FieldType type, std::string name, std::string help) {
  Field field;
  field.name = std::move(name);
  field.type = type;
  field.help = std::move(help);
  return field;
}

}  // namespace

Field boolean_field(std::string name, std::string help) {
  return simple_field(FieldType::Boolean, std::move(name), std::move(help));
}
Field integer_field(std::string name, std::string help) {
  return simple_field(FieldType::Integer, std::move(name), std::move(help));
}
Field text_field(std::string name, std::string help) {
  return simple_field(FieldType::Text, std::move(name), std::move(help));
}
Field duration_field(std::string name, std::string help) {
  return simple_field(FieldType::Duration, std::move(name), std::move(help));
}
Field bytes_field(std::string name, std::string help) {
  return simple_field(FieldType::Bytes, std::move(name), std::move(help));
}
Field cpu_field(std::string name, std::string help) {
  return simple_field(FieldType::Cpu, std::move(name), std::move(help));
}

Field object_field(std::string name, std::string help, std::vector<Field> fields) {
  Field field = simple_field(FieldType::Object, std::move(name), std::move(help));
  field.fields = std::move(fields);
  return field;
}

Field list_field(std::string name, std::string help, Field element) {
  Field field = simple_field(FieldType::List, std::move(name), std::move(help));
  field.element = std::make_shared<const Field>(std::move(element));
  return field;
}

Field map_field(std::string name, std::string help, Field element) {
  Field field = simple_field(FieldType::Map, std::move(name), std::move(help));
  field.element = std::make_shared<const Field>(std::move(element));
  return field;
}

std::optional<Value> default_of(const Field& field) {
  if (!field.fallback || field.type != FieldType::Object) return field.fallback;
  Value value = *field.fallback;
  for (const Field& inner : field.fields) {
    if (value.find(inner.name) != nullptr) continue;
    if (auto fallback = default_of(inner)) value.set(inner.name, std::move(*fallback));
  }
  return value;
}

std::string type_name(const Field& field) {
  switch (field.type) {
    case FieldType::Boolean:
      return "true or false";
    case FieldType::Integer:
      return "integer";
    case FieldType::Text:
      return "text";
    case FieldType::Duration:
      return "duration";
    case FieldType::Bytes:
      return "size";
    case FieldType::Cpu:
      return "cpu";
    case FieldType::Object:
      return "fields";
    case FieldType::List:
      return field.element->type == FieldType::Object ? "list"
                                                      : "list of " + type_name(*field.element);
    case FieldType::Map:
      return "map of " + type_name(*field.element);
  }
  return "value";
}

bool is_secret_reference(const Value& value) {
  if (!value.is_map() || value.size() == 0 || value.size() > 2) return false;
  const Value* name = value.find("secret");
  const Value* fingerprint = value.find("fingerprint");
  return name != nullptr && name->is_text() &&
         (value.size() == 1 || (fingerprint != nullptr && fingerprint->is_text()));
}

namespace {

/// `Some` is Value or const Value.
template <typename Some>
void walk_secrets(const Field& field, Some& value, const std::string& path,
                  const std::function<void(const std::string& path, Some& reference)>& visit) {
  if (field.allows_secret && is_secret_reference(value)) return visit(path, value);
  if (field.type == FieldType::List && value.is_list()) {
    for (std::size_t i = 0; i < value.size(); ++i)
      walk_secrets<Some>(*field.element, value.as_list()[i], fmt::format("{}[{}]", path, i), visit);
  }
  if (!value.is_map()) return;
  for (const Value::Entry& entry : value.as_map()) {
    const Field* inner = field.type == FieldType::Map ? field.element.get() : field.find(entry.key);
    if (inner == nullptr || (field.type != FieldType::Map && field.type != FieldType::Object))
      continue;
    walk_secrets<Some>(*inner, *value.find(entry.key),
                       path.empty() ? entry.key : path + "." + entry.key, visit);
  }
}

}  // namespace

void for_each_secret(const Field& field, Value& value,
                     const std::function<void(const std::string& path, Value& reference)>& visit) {
  walk_secrets<Value>(field, value, "", visit);
}

void for_each_secret(
    const Field& field, const Value& value,
    const std::function<void(const std::string& path, const Value& reference)>& visit) {
  walk_secrets<const Value>(field, value, "", visit);
}

}  // namespace croft
