#include "providers/docker/engine/system.hpp"

#include "providers/docker/engine/transport.hpp"

namespace croft::docker {

namespace {

constexpr std::size_t kEventLimit = 1U << 20U;

/// Tells the sink every whole line; false if it has enough.
Result<bool> tell_events(std::string& text, const EventSink& sink) {
  std::size_t begin = 0;
  for (;;) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    begin = end + 1;
    if (line.find_first_not_of(" \r\t") == std::string_view::npos) continue;
    const Result<Value> event = parse_json(line);
    if (!event) return fail(ErrorCode::Invalid, "the engine's events are not JSON, one a line");
    if (!sink(*event)) return false;
  }
  text.erase(0, begin);
  if (text.size() > kEventLimit) return fail(ErrorCode::Invalid, "an event is too large");
  return true;
}

}  // namespace

Task<Result<EngineIdentity>> System::identity(Deadline deadline) const {
  co_return co_await transport_->identity(deadline);
}

Task<Result<void>> System::ping(Deadline deadline) const {
  Call call{.doing = "asking whether the engine is there", .path = "/_ping", .deadline = deadline};
  CO_TRY(co_await transport_->send(std::move(call)));
  co_return Result<void>();
}

Task<Result<Value>> System::info(Deadline deadline) const {
  Call call{.doing = "asking the engine about itself", .path = "/info", .deadline = deadline};
  co_return co_await transport_->ask(std::move(call));
}

Task<Result<Value>> System::volume_usage(Deadline deadline) const {
  Call call{.doing = "measuring volumes",
            .path = "/system/df",
            .more_time = transport_->settings().quiet_timeout,
            .deadline = deadline};
  // Engines before 1.42 take no notice and measure everything.
  call.query = {{"type", "volume"}};
  CO_TRY_ASSIGN(const Value reply, co_await transport_->ask(std::move(call)));
  co_return Value(list_at(reply, "Volumes"));
}

Task<Result<void>> System::events(EventsRequest request, EventSink sink,
                                  std::function<void()> began, Deadline deadline) const {
  Call call{.doing = "listening to the engine's events",
            .path = "/events",
            .query = {{"filters", filters_text(request.filters)}},
            .deadline = deadline};
  if (!request.since.empty()) call.query.emplace_back("since", request.since);
  if (!request.until.empty()) call.query.emplace_back("until", request.until);
  const std::string doing = call.doing;
  const Transport::Patience patience{.head_within = transport_->settings().call_timeout};
  CO_TRY_ASSIGN(const std::unique_ptr<HttpReply> reply,
                co_await transport_->open(std::move(call), patience));
  if (began) began();
  std::string text;
  for (;;) {
    Result<std::string> piece = co_await reply->read();
    if (!piece) co_return fail(std::move(piece.error()).while_doing(doing));
    if (piece->empty()) co_return Result<void>();
    text += *piece;
    Result<bool> goes_on = tell_events(text, sink);
    if (!goes_on) co_return fail(std::move(goes_on.error()).while_doing(doing));
    if (!*goes_on) co_return Result<void>();
  }
}

}  // namespace croft::docker
