#include <charconv>

#include "core/base/async.hpp"
#include "core/net/sse.hpp"
#include "gateway/api/event_filter.hpp"
#include "gateway/api/json_forms.hpp"
#include "gateway/api/log_pipe.hpp"
#include "gateway/api/operation.hpp"

namespace croft::operations {

namespace {

constexpr std::size_t kBatch = 200;
/// How long the head of a log's answer waits, so that an error comes as a status and not as text.
constexpr Duration kFirstLogWord{300};
constexpr std::int64_t kFromTheOldest = -1;

EventQuery query_of(const Call& call, std::optional<std::string> tenant) {
  EventQuery query;
  query.tenant = std::move(tenant);
  query.subject = call.query.text_or("subject", "");
  query.after = call.query.integer_or("after", 0);
  query.limit = static_cast<std::size_t>(call.query.integer_or("limit", kBatch));
  return query;
}

/// Where a stream begins: after the client's last event, or after `after`, or now.
Task<Result<std::int64_t>> first_cursor(Service& service, Call call, EventQuery query) {
  const std::string last = call.headers.value_or("Last-Event-ID", "");
  if (!last.empty()) {
    std::int64_t sequence = 0;
    const auto [end, error] = std::from_chars(last.data(), last.data() + last.size(), sequence);
    if (error != std::errc() || end != last.data() + last.size() || sequence < kFromTheOldest) {
      co_return fail(ErrorCode::Invalid, "Last-Event-ID has to be the sequence of an event");
    }
    co_return sequence == 0 ? kFromTheOldest : sequence;
  }
  if (query.after != 0) co_return query.after;
  query.limit = 1;
  CO_TRY_ASSIGN(const std::vector<EventRow> newest,
                co_await service.parts.engine.events(std::move(query)));
  co_return newest.empty() ? kFromTheOldest : newest.back().sequence;
}

SseEvent sse_event(const EventRow& event) {
  return {std::to_string(event.sequence), "event", repair_utf8(to_json(to_form(event)))};
}

/// Sends what comes after query.after until nobody reads.
Task<> stream_events(Service& service, EventQuery query, EventFilter filter, BodyWriter& writer) {
  Signal changed(co_await asio::this_coro::executor);
  const auto wake = [&changed] { changed.notify(); };
  const std::shared_ptr<void> subscription = service.parts.engine.on_change(wake);
  writer.on_close(wake);
  // The head goes out with the first piece; a client should not wait for it.
  co_await writer.write(write_sse_comment("croft"));
  while (writer.is_open()) {
    const Result<std::vector<EventRow>> events = co_await service.parts.engine.events(query);
    if (!events) {
      const SseEvent failure{"", "error", to_json(to_form(events.error()))};
      co_await writer.write(write_sse(failure));
      co_return;
    }
    std::string text;
    for (const EventRow& event : *events) {
      if (filter.matches(event)) text += write_sse(sse_event(event));
    }
    if (!events->empty()) query.after = events->back().sequence;
    co_await writer.write(std::move(text));
    if (events->size() >= query.limit || !writer.is_open()) continue;
    const bool has_changed = co_await changed.wait(service.settings.heartbeat);
    if (!has_changed) co_await writer.write(write_sse_comment("still here"));
  }
}

Task<Result<HttpResponse>> event_stream(Service& service, Call call, EventQuery query,
                                        EventFilter filter) {
  CO_TRY_ASSIGN(query.after, co_await first_cursor(service, std::move(call), query));
  query.limit = kBatch;
  HttpResponse response;
  response.headers.set("Content-Type", "text/event-stream");
  response.headers.set("Cache-Control", "no-store");
  response.stream = [&service, query, filter](BodyWriter& writer) {
    return stream_events(service, query, filter, writer);
  };
  co_return response;
}

Task<> stream_log(const OpenLog& log, Duration pause, BodyWriter& writer) {
  writer.on_close([&log] { log->wake(); });
  while (writer.is_open()) {
    co_await log->wait(pause);
    const bool is_over = log->has_ended();
    std::string text = log->take();
    if (is_over && log->error()) text += "[croft: " + log->error()->describe() + "]\n";
    co_await writer.write(std::move(text));
    if (is_over) co_return;
  }
}

}  // namespace

Task<Result<HttpResponse>> events(Service& service, Call call) {
  CO_TRY_ASSIGN(std::optional<std::string> tenant, listed_tenant(call));
  EventQuery query = query_of(call, std::move(tenant));
  CO_TRY_ASSIGN(EventFilter filter, read_event_filter(call.query, service.parts.clock.now()));
  const std::string accepts = call.headers.value_or("Accept", "");
  if (accepts.find("text/event-stream") != std::string::npos) {
    co_return co_await event_stream(service, std::move(call), std::move(query), std::move(filter));
  }
  CO_TRY_ASSIGN(
      const std::vector<EventRow> events,
      co_await filtered_events(service.parts.engine, std::move(query), std::move(filter)));
  co_return json_response(to_list_form("events", events));
}

Task<Result<HttpResponse>> logs(Service& service, Call call) {
  CO_TRY_ASSIGN(const Ref ref, named_ref(call));
  CO_TRY_ASSIGN(const ResourceStatus status, status_of(service, ref));
  LogRequest request;
  request.uid = status.uid;
  request.last_lines = static_cast<int>(call.query.integer_or("lines", request.last_lines));
  request.follow = call.query.boolean_or("follow", false);
  const auto log =
      std::make_shared<OpenLog>(open_log(service.parts.engine, co_await asio::this_coro::executor,
                                         ref, std::move(request), service.settings.stream_buffer));
  co_await (*log)->wait(kFirstLogWord);
  if (!(*log)->has_text() && (*log)->error()) co_return fail(*(*log)->error());
  HttpResponse response;
  response.headers.set("Content-Type", "text/plain; charset=utf-8");
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("X-Content-Type-Options", "nosniff");
  const Duration pause = service.settings.heartbeat;
  response.stream = [log, pause](BodyWriter& writer) { return stream_log(*log, pause, writer); };
  co_return response;
}

}  // namespace croft::operations
