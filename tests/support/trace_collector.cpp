#include "tests/support/trace_collector.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <stdexcept>

namespace croft {

namespace {

bool is_id(const std::string& text, std::size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string::npos &&
         text.find_first_not_of('0') != std::string::npos;
}

std::optional<std::int64_t> number_in(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number)
                                                                  : std::nullopt;
}

std::map<std::string, std::string> attributes_of(const Value& form) {
  std::map<std::string, std::string> attributes;
  const Value* list = form.find("attributes");
  if (list == nullptr || !list->is_list()) return attributes;
  for (const Value& one : list->as_list()) {
    const Value* value = one.find("value");
    if (value != nullptr) attributes[one.text_or("key", "")] = value->text_or("stringValue", "");
  }
  return attributes;
}

/// Of a span, by opentelemetry-proto's trace.proto.
const std::set<std::string> kFields{"traceId",    "spanId",
                                    "traceState", "parentSpanId",
                                    "flags",      "name",
                                    "kind",       "startTimeUnixNano",
                                    "attributes", "endTimeUnixNano",
                                    "events",     "droppedAttributesCount",
                                    "links",      "droppedEventsCount",
                                    "status",     "droppedLinksCount"};

}  // namespace

TraceCollector::TraceCollector(const asio::any_io_executor& executor) {
  server_ = std::make_unique<HttpServer>(
      executor, [this](HttpRequest request) { return answer(std::move(request)); },
      HttpServerSettings{});
  const Result<int> port = server_->listen_tcp("127.0.0.1", 0);
  if (!port) throw std::runtime_error(port.error().describe());
  address_ = "http://127.0.0.1:" + std::to_string(*port);
}

const TraceCollector::Span* TraceCollector::find(std::string_view name) const {
  const auto found = std::ranges::find(spans, name, &Span::name);
  return found == spans.end() ? nullptr : &*found;
}

std::vector<std::string> TraceCollector::paths() const { return trace_paths(spans); }

std::vector<std::string> trace_paths(const std::vector<TraceCollector::Span>& spans) {
  std::map<std::string, const TraceCollector::Span*> by_id;
  for (const TraceCollector::Span& span : spans) by_id[span.id] = &span;
  std::vector<std::string> paths;
  for (const TraceCollector::Span& span : spans) {
    std::string path = span.name;
    for (auto up = by_id.find(span.parent); up != by_id.end(); up = by_id.find(up->second->parent))
      path = up->second->name + "/" + path;
    paths.push_back(std::move(path));
  }
  std::ranges::sort(paths);
  return paths;
}

void TraceCollector::expect(bool holds, const std::string& what) {
  if (!holds) problems.push_back(what);
}

Task<HttpResponse> TraceCollector::answer(HttpRequest request) {
  requests.push_back(request.headers);
  if (slowness.count() > 0) co_await sleep_for(slowness);
  if (std::optional<HttpResponse> refusal = refuse()) co_return std::move(*refusal);
  expect(request.method == "POST" && request.target == "/v1/traces",
         request.method + " " + request.target);
  expect(request.headers.value_or("Content-Type", "") == "application/json", "Content-Type");
  const Result<Value> body = parse_json(request.body);
  expect(body.has_value(), "the body is no JSON");
  if (body) take(*body);
  HttpResponse response;
  response.headers.set("Content-Type", "application/json");
  response.body = "{}";
  co_return response;
}

void TraceCollector::take(const Value& body) {
  const Value* resources = body.find("resourceSpans");
  expect(resources != nullptr && resources->is_list() && body.size() == 1, "resourceSpans");
  if (resources == nullptr || !resources->is_list()) return;
  for (const Value& resource : resources->as_list()) {
    const Value* who = resource.find("resource");
    const auto facts = who == nullptr ? std::map<std::string, std::string>() : attributes_of(*who);
    expect(facts.contains("service.name"), "a resource without service.name");
    const Value* scopes = resource.find("scopeSpans");
    expect(scopes != nullptr && scopes->is_list(), "scopeSpans");
    if (scopes == nullptr || !scopes->is_list()) return;
    const auto role = facts.find("croft.role");
    for (const Value& scope : scopes->as_list()) {
      const Value* all = scope.find("spans");
      expect(all != nullptr && all->is_list(), "spans");
      if (all == nullptr || !all->is_list()) return;
      for (const Value& span : all->as_list())
        take_span(span, role == facts.end() ? "" : role->second);
    }
  }
}

void TraceCollector::take_span(const Value& form, const std::string& role) {
  for (const auto& [name, value] : form.as_map())
    expect(kFields.contains(name), "a span has no field " + name);
  Span span;
  span.trace = form.text_or("traceId", "");
  span.id = form.text_or("spanId", "");
  span.parent = form.text_or("parentSpanId", "");
  span.name = form.text_or("name", "");
  span.role = role;
  span.kind = form.integer_or("kind", 0);
  span.attributes = attributes_of(form);
  const auto begun = number_in(form.text_or("startTimeUnixNano", ""));
  const auto ended = number_in(form.text_or("endTimeUnixNano", ""));
  expect(is_id(span.trace, 32), "traceId " + span.trace);
  expect(is_id(span.id, 16), "spanId " + span.id);
  expect(span.parent.empty() || is_id(span.parent, 16), "parentSpanId " + span.parent);
  expect(!span.name.empty(), "a span without a name");
  expect(span.kind >= 1 && span.kind <= 5, "kind");
  expect(begun && ended && *begun <= *ended, "times of " + span.name);
  span.begun = begun.value_or(0);
  span.ended = ended.value_or(0);
  if (const Value* status = form.find("status"); status != nullptr) {
    if (status->integer_or("code", 0) == 2) span.error = status->text_or("message", "");
  }
  spans.push_back(std::move(span));
}

}  // namespace croft
