#include <fmt/format.h>

#include "core/base/units.hpp"
#include "core/resource/field.hpp"

namespace croft {

namespace {

std::string print_list(const Field& field, const Value& value, bool quoted) {
  const bool is_command_line = !quoted && field.element->type == FieldType::Text;
  std::string text = is_command_line ? "" : "[";
  for (const Value& item : value.as_list()) {
    if (&item != &value.as_list().front()) text += is_command_line ? " " : ", ";
    text += print_value(*field.element, item, quoted);
  }
  if (!is_command_line) text += "]";
  return text;
}

std::string print_map(const Field& field, const Value& value, bool quoted) {
  std::string text = "{";
  for (const auto& [key, entry] : value.as_map()) {
    if (text.size() > 1) text += ", ";
    const Field* inner = field.type == FieldType::Map ? field.element.get() : field.find(key);
    text += key + ": ";
    text += inner != nullptr ? print_value(*inner, entry, quoted) : to_json(entry);
  }
  return text + "}";
}

std::string print_number(FieldType type, std::int64_t number) {
  switch (type) {
    case FieldType::Duration:
      return format_duration(Duration(number));
    case FieldType::Bytes:
      return format_bytes(Bytes{number});
    case FieldType::Cpu:
      return format_cpu(Cpu{number});
    default:
      return fmt::format("{}", number);
  }
}

}  // namespace

std::string print_value(const Field& field, const Value& value, bool quoted) {
  if (field.allows_secret && is_secret_reference(value)) {
    return fmt::format("{{secret: {}}}", value.find("secret")->as_text());
  }
  if (value.is_null()) return "null";
  if (value.is_integer()) return print_number(field.type, value.as_integer());
  if (value.is_text() && !quoted) return value.as_text();
  if (value.is_list() && field.type == FieldType::List) return print_list(field, value, quoted);
  if (value.is_map() && (field.type == FieldType::Map || field.type == FieldType::Object)) {
    return print_map(field, value, quoted);
  }
  // What does not have the shape of its field was observed, not declared; it is still worth
  // showing.
  return to_json(value);
}

}  // namespace croft
