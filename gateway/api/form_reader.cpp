#include "gateway/api/form_reader.hpp"

namespace croft {

FormReader::FormReader(const Value& form, std::string_view what) : form_(form), what_(what) {
  if (!form.is_map()) error_ = Error(ErrorCode::Invalid, "expected " + what_ + " as a JSON object");
}

void FormReader::refuse(std::string_view field, std::string_view why) {
  if (error_) return;
  error_ = Error(ErrorCode::Invalid,
                 "field '" + std::string(field) + "' of " + what_ + " " + std::string(why));
}

const Value* FormReader::find(std::string_view field) { return form_.find(field); }

std::string FormReader::text(std::string_view field) {
  const Value* value = find(field);
  if (value != nullptr && value->is_text()) return value->as_text();
  refuse(field, value == nullptr ? "is missing" : "is no text");
  return {};
}

std::optional<std::string> FormReader::optional_text(std::string_view field) {
  const Value* value = find(field);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return text(field);
}

std::string FormReader::text_or(std::string_view field, std::string_view fallback) {
  return optional_text(field).value_or(std::string(fallback));
}

bool FormReader::boolean_or(std::string_view field, bool fallback) {
  const Value* value = find(field);
  if (value == nullptr) return fallback;
  if (value->is_boolean()) return value->as_boolean();
  refuse(field, "is neither true nor false");
  return fallback;
}

std::int64_t FormReader::integer_or(std::string_view field, std::int64_t fallback) {
  const Value* value = find(field);
  if (value == nullptr) return fallback;
  if (value->is_integer()) return value->as_integer();
  refuse(field, "is no integer");
  return fallback;
}

Timestamp FormReader::time(std::string_view field) {
  const Result<Timestamp> parsed = parse_time(text(field));
  if (parsed) return *parsed;
  refuse(field, "is no time as RFC 3339 writes it");
  return {};
}

std::optional<Timestamp> FormReader::optional_time(std::string_view field) {
  const Value* value = find(field);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return time(field);
}

Ref FormReader::ref(std::string_view field) {
  Result<Ref> parsed = parse_ref(text(field));
  if (parsed) return std::move(*parsed);
  refuse(field, "is no ref: " + parsed.error().message());
  return {};
}

}  // namespace croft
