#include <string>

#include "gateway/api/operation.hpp"
#include "gateway/api/schemas.hpp"

namespace croft {

namespace {

std::string_view place_name(Parameter::Place place) {
  switch (place) {
    case Parameter::Place::Path:
      return "path";
    case Parameter::Place::Query:
      return "query";
    case Parameter::Place::Header:
      return "header";
  }
  return "query";
}

Value parameter_form(const Parameter& parameter) {
  Value schema = parameter.schema;
  const std::string help = schema.text_or("description", "");
  schema.erase("description");
  return Value::map({{"name", parameter.name},
                     {"in", place_name(parameter.place)},
                     {"description", help},
                     {"required", parameter.place == Parameter::Place::Path},
                     {"schema", std::move(schema)}});
}

Value json_content(std::string_view schema) {
  return Value::map({{"application/json", Value::map({{"schema", schema_reference(schema)}})}});
}

Value answer_form(const Operation& operation) {
  Value answer = Value::map({{"description", operation.summary}});
  Value content = operation.answer.empty() ? Value::map() : json_content(operation.answer);
  if (!operation.other_media.empty()) {
    Value text = Value::map({{"type", "string"}});
    content.set(operation.other_media, Value::map({{"schema", std::move(text)}}));
  }
  if (content.size() > 0) answer.set("content", std::move(content));
  return answer;
}

Value security_form(Scope scope) {
  if (scope == Scope::Public) return Value::list();
  return Value(Value::List{Value::map({{"token", Value::list()}})});
}

Value operation_form(const Operation& operation) {
  Value parameters = Value::list();
  for (const std::string_view segment : path_segments(operation.path)) {
    if (is_placeholder(segment)) parameters.push_back(parameter_form(path_parameter(segment)));
  }
  for (const Parameter& parameter : operation.parameters)
    parameters.push_back(parameter_form(parameter));
  Value refusal =
      Value::map({{"description", "What went wrong"}, {"content", json_content("Error")}});
  Value answers = Value::map({{std::to_string(operation.status), answer_form(operation)},
                              {"default", std::move(refusal)}});
  const std::string_view whose = operation.scope == Scope::Operator ? "The operator only." : "";
  Value form = Value::map({{"operationId", operation.id},
                           {"summary", operation.summary},
                           {"description", whose},
                           {"parameters", std::move(parameters)},
                           {"responses", std::move(answers)},
                           {"security", security_form(operation.scope)}});
  if (!operation.upgrade.empty()) form.set("x-upgrade", operation.upgrade);
  if (!operation.request_media.empty()) {
    Value bytes = Value::map({{"type", "string"}, {"format", "binary"}});
    Value content = Value::map();
    content.set(operation.request_media, Value::map({{"schema", std::move(bytes)}}));
    form.set("requestBody", Value::map({{"required", true}, {"content", std::move(content)}}));
  }
  if (!operation.request.empty()) {
    form.set("requestBody",
             Value::map({{"required", true}, {"content", json_content(operation.request)}}));
  }
  return form;
}

std::string lower(std::string_view method) {
  std::string out(method);
  for (char& c : out) c = static_cast<char>(c - 'A' + 'a');
  return out;
}

}  // namespace

Value openapi_document(std::string_view version) {
  Value paths = Value::map();
  for (const Operation& operation : api_operations()) {
    Value* path = paths.find(operation.path);
    if (path == nullptr) path = &paths.set(operation.path, Value::map());
    path->set(lower(operation.method), operation_form(operation));
  }
  Value token = Value::map({{"type", "http"},
                            {"scheme", "bearer"},
                            {"description", "Not needed on the unix socket by the operator."}});
  return Value::map(
      {{"openapi", "3.1.0"},
       {"info", Value::map({{"title", "Croft"},
                            {"version", version},
                            {"description",
                             "What the croft command, the portal and other programs talk to."}})},
       {"paths", std::move(paths)},
       {"components",
        Value::map({{"schemas", api_schemas()},
                    {"securitySchemes", Value::map({{"token", std::move(token)}})}})}});
}

}  // namespace croft
