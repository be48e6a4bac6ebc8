#include "core/store/sql/columns.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/store/keys.hpp"

namespace croft::sql {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr int kMaxDocumentDepth = 64;                      // what parse_json reads

/// The length of the well-formed UTF-8 sequence that `text` starts with (Unicode 15, table 3-7), or
/// 0.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : static_cast<unsigned char>(0);
  };
  const auto is_tail = [](unsigned char c) { return (c & 0xC0U) == 0x80U; };
  const unsigned char first = byte(0);
  const unsigned char second = byte(1);
  if (first == 0) return 0;
  if (first < 0x80) return 1;
  if (!is_tail(second)) return 0;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (!is_tail(byte(2))) return 0;
  if (first == 0xE0) return second >= 0xA0 ? 3 : 0;
  if (first == 0xED) return second <= 0x9F ? 3 : 0;
  if (first >= 0xE1 && first <= 0xEF) return 3;
  if (!is_tail(byte(3))) return 0;
  if (first == 0xF0) return second >= 0x90 ? 4 : 0;
  if (first == 0xF4) return second <= 0x8F ? 4 : 0;
  return first >= 0xF1 && first <= 0xF3 ? 4 : 0;
}

bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0; });
}

bool is_storable(const Value& value, int depth) {
  if (depth > kMaxDocumentDepth) return false;
  if (value.is_real()) return std::isfinite(value.as_real());
  const auto is_element_storable = [depth](const Value& element) {
    return is_storable(element, depth + 1);
  };
  if (value.is_list()) return std::ranges::all_of(value.as_list(), is_element_storable);
  if (value.is_map())
    return std::ranges::all_of(value.as_map(), is_element_storable, &Value::Entry::value);
  return true;
}

Value value_from(const Condition& condition) {
  return Value::map({{"message", Value(condition.message)},
                     {"reason", Value(condition.reason)},
                     {"since", Value(std::int64_t{condition.since.time_since_epoch().count()})},
                     {"status", Value(to_string(condition.status))},
                     {"type", Value(condition.type)}});
}

std::optional<Condition> condition_from(const Value& value) {
  const std::optional<ConditionStatus> status = condition_status_from(value.text_or("status", ""));
  if (!status) return std::nullopt;
  return Condition{.type = value.text_or("type", ""),
                   .status = *status,
                   .reason = value.text_or("reason", ""),
                   .message = value.text_or("message", ""),
                   .since = Timestamp(Duration(value.integer_or("since", 0)))};
}

}  // namespace

std::string_view severity_name(Severity severity) {
  return severity == Severity::Warning ? "Warning" : "Normal";
}

std::optional<Severity> severity_from(std::string_view name) {
  if (name == "Normal") return Severity::Normal;
  if (name == "Warning") return Severity::Warning;
  return std::nullopt;
}

std::string clean_text(std::string text) {
  if (is_plain(text)) return text;
  std::string clean;
  clean.reserve(text.size());
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t length = sequence_length(rest);
    clean += length > 0 ? rest.substr(0, length) : kReplacement;
    rest.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return clean;
}

CellWriter& CellWriter::key(const std::string& value, std::string_view what) {
  if (value.empty()) refuse("a row without " + std::string(what) + " cannot be kept");
  // Two keys must not become one by cleaning.
  if (clean_text(value) != value) refuse(std::string(what) + " is not valid UTF-8 text");
  return found_by(value, what);
}

CellWriter& CellWriter::found_by(std::string_view value, std::string_view what) {
  std::string clean = clean_text(std::string(value));
  if (clean.size() > kLongestKey)
    refuse(
        fmt::format("{} of {} bytes cannot be kept: {} at most", what, clean.size(), kLongestKey));
  cells_.emplace_back(std::move(clean));
  return *this;
}

CellWriter& CellWriter::text(std::string_view value) {
  cells_.emplace_back(clean_text(std::string(value)));
  return *this;
}

CellWriter& CellWriter::integer(std::int64_t value) {
  cells_.emplace_back(value);
  return *this;
}

CellWriter& CellWriter::time(Timestamp value) { return integer(value.time_since_epoch().count()); }

CellWriter& CellWriter::time(const std::optional<Timestamp>& value) {
  if (value) return time(*value);
  cells_.emplace_back();
  return *this;
}

CellWriter& CellWriter::ref(const Ref& value) {
  return found_by(value.tenant, "a tenant").text(to_string(value.kind)).key(value.name, "a name");
}

CellWriter& CellWriter::document(const std::shared_ptr<const Value>& value) {
  if (value == nullptr) {
    cells_.emplace_back();
    return *this;
  }
  if (!is_storable(*value, 1))
    refuse("a document nests deeper than 64 levels, or holds a number that is none");
  return text(to_json(*value));
}

CellWriter& CellWriter::conditions(const std::vector<Condition>& value) {
  if (value.empty()) return text("[]");
  Value::List list;
  for (const Condition& condition : value) list.push_back(value_from(condition));
  return text(to_json(Value(std::move(list))));
}

void CellWriter::refuse(std::string message) {
  if (!failure_) failure_ = Error(ErrorCode::Invalid, std::move(message));
}

Result<std::vector<Cell>> CellWriter::take() {
  if (failure_) return fail(std::move(*failure_));
  return std::move(cells_);
}

std::string CellReader::text() { return std::string(row_.text(column_++)); }

std::int64_t CellReader::integer() { return row_.integer(column_++); }

Timestamp CellReader::time() { return Timestamp(Duration(integer())); }

std::optional<Timestamp> CellReader::optional_time() {
  if (!row_.is_null(column_)) return time();
  ++column_;
  return std::nullopt;
}

Ref CellReader::ref() {
  Ref ref;
  ref.tenant = text();
  ref.kind = word(kind_from);
  ref.name = text();
  return ref;
}

std::shared_ptr<const Value> CellReader::document() {
  const int column = column_++;
  if (row_.is_null(column)) return nullptr;
  Result<Value> value = parse_json(row_.text(column));
  if (!value) {
    refuse(value.error().message());
    return nullptr;
  }
  return std::make_shared<const Value>(std::move(*value));
}

std::vector<Condition> CellReader::conditions() {
  const std::string_view text = row_.text(column_++);
  if (text == "[]") return {};
  const Result<Value> list = parse_json(text);
  std::vector<Condition> conditions;
  if (!list || !list->is_list()) {
    refuse("conditions are no list");
    return conditions;
  }
  for (const Value& element : list->as_list()) {
    std::optional<Condition> condition = condition_from(element);
    if (!condition) refuse("a condition has no known status");
    if (condition) conditions.push_back(std::move(*condition));
  }
  return conditions;
}

void CellReader::refuse(std::string message) {
  if (!failure_)
    failure_ = Error(ErrorCode::Internal, "a stored row cannot be read: " + std::move(message));
}

Result<void> CellReader::finish() const {
  if (failure_) return fail(*failure_);
  return {};
}

}  // namespace croft::sql
