#include "core/net/otlp.hpp"

#include "core/base/hex.hpp"
#include "core/base/secret.hpp"
#include "core/base/value.hpp"

namespace croft {

namespace {

constexpr std::int64_t kStatusError = 2;
constexpr std::int64_t kSampled = 1;  // Span.flags: the low byte is that of the header traceparent

std::int64_t number_of(SpanRecord::Kind kind) {
  switch (kind) {
    case SpanRecord::Kind::Internal:
      return 1;
    case SpanRecord::Kind::Server:
      return 2;
    case SpanRecord::Kind::Client:
      return 3;
  }
  return 1;
}

Value attributes_of(const std::vector<std::pair<std::string, std::string>>& pairs) {
  Value list = Value::list();
  for (const auto& [name, text] : pairs) {
    list.push_back(
        Value::map({{"key", name}, {"value", Value::map({{"stringValue", redact(text)}})}}));
  }
  return list;
}

Value form_of(const SpanRecord& span) {
  Value form = Value::map({{"traceId", to_hex(span.context.trace)},
                           {"spanId", to_hex(span.context.span)},
                           {"flags", kSampled},
                           {"name", span.name},
                           {"kind", number_of(span.kind)},
                           {"startTimeUnixNano", std::to_string(span.begun)},
                           {"endTimeUnixNano", std::to_string(span.ended)},
                           {"attributes", attributes_of(span.attributes)}});
  if (span.parent != decltype(span.parent){}) form.set("parentSpanId", to_hex(span.parent));
  Value status = Value::map();
  if (span.error) status = Value::map({{"code", kStatusError}, {"message", redact(*span.error)}});
  form.set("status", std::move(status));
  return form;
}

}  // namespace

std::string otlp_request(const TraceResource& resource, const std::vector<SpanRecord>& spans) {
  Value list = Value::list();
  for (const SpanRecord& span : spans) list.push_back(form_of(span));
  Value scopes = Value::list();
  scopes.push_back(
      Value::map({{"scope", Value::map({{"name", "croft"}})}, {"spans", std::move(list)}}));
  Value resources = Value::list();
  resources.push_back(
      Value::map({{"resource", Value::map({{"attributes", attributes_of(resource)}})},
                  {"scopeSpans", std::move(scopes)}}));
  return to_json(Value::map({{"resourceSpans", std::move(resources)}}));
}

}  // namespace croft
