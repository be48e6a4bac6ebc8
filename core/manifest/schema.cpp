#include "core/manifest/schema.hpp"

#include <fmt/format.h>

#include "core/resource/field.hpp"
#include "core/resource/kinds.hpp"

namespace croft::manifest {

namespace {

constexpr const char* kDialect = "https://json-schema.org/draft/2020-12/schema";

Value schema_of_field(const Field& field);

Value texts(const std::vector<std::string>& items) {
  Value list = Value::list();
  for (const std::string& item : items) list.push_back(item);
  return list;
}

// Editors read YAML with types of its own; where a field takes text, what looks like a number is
// text as well.
Value text_types() { return texts({"string", "number", "boolean"}); }

Value pattern(const char* regular_expression) {
  return Value::map(
      {{"type", texts({"string", "integer", "number"})}, {"pattern", regular_expression}});
}

void add_bounds(const Field& field, Value& schema) {
  const auto put = [&](const char* low, const char* high) {
    if (field.minimum && *field.minimum > 0) schema.set(low, *field.minimum);
    if (field.maximum) schema.set(high, *field.maximum);
  };
  switch (field.type) {
    case FieldType::Integer:
      return put("minimum", "maximum");
    case FieldType::Text:
      return put("minLength", "maxLength");
    case FieldType::List:
      return put("minItems", "maxItems");
    case FieldType::Map:
      return put("minProperties", "maxProperties");
    default:
      return;  // durations and sizes are text to JSON Schema
  }
}

Value object_schema(const Field& field) {
  Value properties = Value::map();
  std::vector<std::string> required;
  for (const Field& inner : field.fields) {
    if (!inner.arrives_with.empty()) continue;
    properties.set(inner.name, schema_of_field(inner));
    if (inner.required) required.push_back(inner.name);
  }
  Value schema = Value::map(
      {{"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}});
  if (!required.empty()) schema.set("required", texts(required));
  return schema;
}

Value type_schema(const Field& field) {
  switch (field.type) {
    case FieldType::Boolean:
      return Value::map({{"type", "boolean"}});
    case FieldType::Integer:
      return Value::map({{"type", "integer"}});
    case FieldType::Text:
      if (!field.choices.empty()) return Value::map({{"enum", texts(field.choices)}});
      return Value::map({{"type", text_types()}});
    case FieldType::Duration:
      return pattern("^(0|([0-9]+(ms|s|m|h|d))+)$");
    case FieldType::Bytes:
      return pattern("^[0-9]+(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?$");
    case FieldType::Cpu:
      return pattern("^[0-9]+(m|\\.[0-9]{1,3})?$");
    case FieldType::Object:
      return object_schema(field);
    case FieldType::List:
      return Value::map({{"type", "array"}, {"items", schema_of_field(*field.element)}});
    case FieldType::Map:
      return Value::map(
          {{"type", "object"}, {"additionalProperties", schema_of_field(*field.element)}});
  }
  return Value::map();
}

// Defaults as people would write them, so that an editor inserts "30d" and not a number of
// milliseconds.
std::optional<Value> written_default(const Field& field) {
  if (!field.fallback || field.type == FieldType::Object) return std::nullopt;
  const bool is_unit = field.type == FieldType::Duration || field.type == FieldType::Bytes ||
                       field.type == FieldType::Cpu;
  return is_unit ? Value(print_value(field, *field.fallback, false)) : *field.fallback;
}

Value schema_of_field(const Field& field) {
  Value schema = type_schema(field);
  add_bounds(field, schema);
  if (field.allows_secret) {
    const Value reference =
        Value::map({{"type", "object"},
                    {"additionalProperties", false},
                    {"required", texts({"secret"})},
                    {"properties", Value::map({{"secret", Value::map({{"type", "string"}})}})}});
    schema = Value::map({{"anyOf", Value(Value::List{std::move(schema), reference})}});
  }
  if (!field.help.empty()) schema.set("description", field.help);
  if (auto written = written_default(field)) schema.set("default", std::move(*written));
  return schema;
}

Value resource_schema(Kind kind) {
  Value spec = schema_of_field(spec_of(kind));
  spec.set("description", help_of(kind));
  const bool is_spec_required = spec.find("required") != nullptr;
  std::vector<std::string> required{"apiVersion", "kind", "metadata"};
  if (is_spec_required) required.emplace_back("spec");
  Value properties = Value::map({{"apiVersion", Value::map({{"const", "croft/v1"}})},
                                 {"kind", Value::map({{"const", to_string(kind)}})},
                                 {"metadata", schema_of_field(metadata_of_resources())},
                                 {"spec", std::move(spec)}});
  return Value::map({{"type", "object"},
                     {"additionalProperties", false},
                     {"required", texts(required)},
                     {"title", to_string(kind)},
                     {"description", help_of(kind)},
                     {"properties", std::move(properties)}});
}

}  // namespace

Value schema_of(Kind kind) {
  Value schema = resource_schema(kind);
  schema.set("$schema", kDialect);
  return schema;
}

Value schema_of_all() {
  Value definitions = Value::map();
  Value choices = Value::list();
  Value names = Value::list();
  for (const Kind kind : all_kinds()) {
    definitions.set(to_string(kind), resource_schema(kind));
    names.push_back(to_string(kind));
    // "if kind is X, then X": a mistake is reported against the one kind that is meant, not against
    // all of them.
    choices.push_back(Value::map(
        {{"if", Value::map({{"properties",
                             Value::map({{"kind", Value::map({{"const", to_string(kind)}})}})}})},
         {"then", Value::map({{"$ref", fmt::format("#/$defs/{}", to_string(kind))}})}}));
  }
  return Value::map(
      {{"$schema", kDialect},
       {"title", "Croft manifest"},
       {"type", "object"},
       {"required", texts({"apiVersion", "kind"})},
       {"properties", Value::map({{"kind", Value::map({{"enum", std::move(names)}})}})},
       {"allOf", std::move(choices)},
       {"$defs", std::move(definitions)}});
}

}  // namespace croft::manifest
