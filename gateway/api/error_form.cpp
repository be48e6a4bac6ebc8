#include <algorithm>
#include <array>

#include "core/base/secret.hpp"
#include "gateway/api/json_forms.hpp"

namespace croft {

namespace {

/// The one table between our codes and HTTP's. Reading it backwards takes the first row of a
/// status.
constexpr std::array<std::pair<ErrorCode, int>, 8> kStatuses{{
    {ErrorCode::Invalid, 400},
    {ErrorCode::Denied, 403},
    {ErrorCode::NotFound, 404},
    {ErrorCode::Conflict, 409},
    {ErrorCode::Cancelled, 499},
    {ErrorCode::Internal, 500},
    {ErrorCode::Unavailable, 503},
    {ErrorCode::Timeout, 504},
}};

ErrorCode code_of(int status) {
  for (const auto& [code, known] : kStatuses) {
    if (known == status) return code;
  }
  if (status == 401) return ErrorCode::Denied;
  return status >= 400 && status < 500 ? ErrorCode::Invalid : ErrorCode::Unavailable;
}

Value position_form(const std::optional<SourcePosition>& position) {
  if (!position) return {};
  return Value::map(
      {{"file", position->file}, {"line", position->line}, {"column", position->column}});
}

std::string message_with_context(const Error& error) {
  std::string text;
  for (const std::string& context : error.context()) text.insert(0, "while " + context + ": ");
  return text + error.message();
}

}  // namespace

int http_status(ErrorCode code) {
  const auto* row = std::ranges::find(kStatuses, code, &std::pair<ErrorCode, int>::first);
  return row != kStatuses.end() ? row->second : 500;
}

Value to_form(const Error& error) {
  Value body = Value::map({{"code", to_string(error.code())},
                           {"message", redact(message_with_context(error))},
                           {"hint", redact(error.hint())},
                           {"position", position_form(error.position())}});
  return Value::map({{"error", std::move(body)}});
}

Error error_from_answer(int status, const std::string& body) {
  const Result<Value> form = parse_json(body);
  const Value* error = form ? form->find("error") : nullptr;
  if (error == nullptr || !error->is_map()) {
    return {code_of(status), "the server answered with status " + std::to_string(status)};
  }
  const std::optional<ErrorCode> code = error_code_from(error->text_or("code", ""));
  Error read = Error(code.value_or(code_of(status)), error->text_or("message", "unknown error"))
                   .with_hint(error->text_or("hint", ""));
  if (const Value* position = error->find("position"); position != nullptr && position->is_map()) {
    return std::move(read).at({position->text_or("file", ""),
                               static_cast<int>(position->integer_or("line", 0)),
                               static_cast<int>(position->integer_or("column", 0))});
  }
  return read;
}

}  // namespace croft
