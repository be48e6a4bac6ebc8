#include "core/net/trace_exporter.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "core/base/log.hpp"

namespace croft {

namespace {

using Steady = std::chrono::steady_clock;

constexpr Duration kSaidAgain{300'000};
constexpr Duration kIdle{60'000};

bool may_be_repeated(int status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

/// The seconds in Retry-After; a date there is as good as nothing.
std::optional<Duration> wanted_pause(const HttpResponse& answer) {
  const std::string text = answer.headers.value_or("Retry-After", "");
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const bool is_number = error == std::errc() && end == text.data() + text.size() && seconds >= 0;
  return is_number && seconds < 86'400 ? std::optional(Duration(seconds * 1'000)) : std::nullopt;
}

HttpClientSettings client_settings(const TraceExporterSettings& settings) {
  HttpClientSettings client;
  client.reply_timeout = settings.reply_timeout;
  client.idle_timeout = settings.reply_timeout;
  client.body_limit = 64U << 10U;
  client.idle_connections = 1;
  client.hint = "is the collector of traces.endpoint running?";
  return client;
}

}  // namespace

struct TraceExporter::State {
  State(const asio::any_io_executor& executor, TraceExporterSettings given)
      : settings(std::move(given)),
        client(settings.collector, client_settings(settings)),
        work(executor),
        halted(executor),
        ended(executor) {}

  TraceExporterSettings settings;
  HttpClient client;
  std::deque<SpanRecord> queue;
  TraceCounts counts;
  Signal work;    ///< there is a first span, or enough for a batch, or it is time to stop
  Signal halted;  ///< it is time to stop
  Signal ended;   ///< run() is over
  bool is_running = false;
  bool is_stopping = false;
  Steady::time_point give_up = Steady::time_point::max();
  std::optional<Steady::time_point> said;  ///< when the log last told of dropped spans
};

TraceExporter::TraceExporter(asio::any_io_executor executor, RandomSource& random,
                             TraceExporterSettings settings)
    : executor_(std::move(executor)),
      random_(random),
      state_(std::make_shared<State>(executor_, std::move(settings))) {}

TraceExporter::~TraceExporter() {
  if (tracer() == this) set_tracer(nullptr);
  state_->is_stopping = true;
  state_->give_up = Steady::now();
}

void TraceExporter::start() {
  state_->is_running = true;
  spawn(executor_, run(state_), "sending traces");
  set_tracer(this);
}

Task<> TraceExporter::stop() {
  const std::shared_ptr<State> state = state_;
  if (tracer() == this) set_tracer(nullptr);
  state->is_stopping = true;
  state->give_up = Steady::now() + state->settings.stop_grace;
  state->work.notify();
  state->halted.notify();
  if (state->is_running) co_await state->ended.wait(state->settings.stop_grace);
}

TraceCounts TraceExporter::counts() const { return state_->counts; }

void TraceExporter::take(SpanRecord span) {
  State& state = *state_;
  if (state.queue.size() >= state.settings.queue_limit) return drop(state, 1, "they come too fast");
  state.queue.push_back(std::move(span));
  // The first one begins the time of gathering.
  const std::size_t waiting = state.queue.size();
  if (waiting == 1 || waiting == state.settings.batch_limit) state.work.notify();
}

void TraceExporter::fill(std::uint8_t* bytes, std::size_t count) {
  const auto random = random_.bytes();
  std::memcpy(bytes, random.data(), std::min(count, random.size()));
}

bool TraceExporter::samples() {
  if (state_->settings.sample >= 1) return true;
  std::uint32_t drawn = 0;
  fill(reinterpret_cast<std::uint8_t*>(&drawn), sizeof drawn);
  return drawn < state_->settings.sample * std::numeric_limits<std::uint32_t>::max();
}

std::int64_t TraceExporter::now() const {
  const auto time = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
}

void TraceExporter::drop(State& state, std::size_t spans, const std::string& why) {
  state.counts.dropped += spans;
  const Steady::time_point now = Steady::now();
  if (state.said && now - *state.said < kSaidAgain) return;
  state.said = now;
  log_warning("traces", "spans are dropped",
              {{"collector", to_string(state.settings.collector)},
               {"dropped", std::to_string(state.counts.dropped)},
               {"why", why}});
}

Task<> TraceExporter::run(std::shared_ptr<State> state) {
  const TraceExporterSettings& settings = state->settings;
  while (!state->is_stopping || !state->queue.empty()) {
    if (state->queue.empty()) {
      co_await state->work.wait(kIdle);
      continue;
    }
    if (state->queue.size() < settings.batch_limit && !state->is_stopping) {
      const bool is_woken = co_await state->work.wait(settings.gathered);
      if (is_woken && state->queue.size() < settings.batch_limit && !state->is_stopping)
        co_await state->work.wait(settings.gathered);
    }
    const std::size_t count = std::min(state->queue.size(), settings.batch_limit);
    const auto end = state->queue.begin() + static_cast<std::ptrdiff_t>(count);
    std::vector<SpanRecord> batch(std::make_move_iterator(state->queue.begin()),
                                  std::make_move_iterator(end));
    state->queue.erase(state->queue.begin(), end);
    co_await send(state, std::move(batch));
  }
  state->is_running = false;
  state->ended.notify();
}

Task<> TraceExporter::send(std::shared_ptr<State> state, std::vector<SpanRecord> batch) {
  const TraceExporterSettings& settings = state->settings;
  HttpRequest request;
  request.method = "POST";
  request.target = "/v1/traces";
  request.headers = settings.headers;
  request.headers.set("Content-Type", "application/json");
  request.body = otlp_request(settings.resource, batch);
  Duration pause = settings.first_pause;
  std::string why;
  for (int tried = 0; tried < settings.tries; ++tried) {
    if (tried > 0) {
      if (Steady::now() + pause >= state->give_up) break;
      co_await state->halted.wait(pause);
      pause = std::min(pause * 2, settings.longest_pause);
    }
    HttpRequest copy = request;
    const Result<HttpResponse> answer =
        co_await state->client.send(std::move(copy), state->give_up);
    if (answer && answer->status >= 200 && answer->status < 300) {
      state->counts.sent += batch.size();
      co_return;
    }
    why = answer ? fmt::format("the collector answers {}", answer->status)
                 : answer.error().describe();
    if (answer && !may_be_repeated(answer->status)) break;
    if (!answer && !answer.error().is_retryable()) break;
    if (answer) pause = std::max(pause, wanted_pause(*answer).value_or(Duration(0)));
  }
  drop(*state, batch.size(), why);
}

}  // namespace croft
