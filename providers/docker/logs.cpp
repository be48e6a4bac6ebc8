#include "providers/docker/logs.hpp"

#include <fmt/format.h>

#include "providers/docker/containers.hpp"

namespace croft::docker {

namespace {

/// How long one look at a silent log takes; then the sink is asked whether anybody still listens.
constexpr Duration kSlice{5'000};
constexpr Duration kPause{250};
constexpr Duration kQuick{30'000};
constexpr std::size_t kLongestLine = 1 << 16;

/// "2026-11-28T13:17:14.123456789Z text" taken apart. Remembers the last time, so that the next
/// request goes on right behind it.
class LineReader {
 public:
  /// The whole lines that this piece completes, without their times.
  std::string feed(OutputStream stream, std::string_view bytes) {
    std::string& rest = stream == OutputStream::Err ? err_ : out_;
    rest += bytes;
    std::string lines;
    for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
      take(std::string_view(rest).substr(0, end), lines);
      rest.erase(0, end + 1);
    }
    if (rest.size() > kLongestLine) {
      take(rest, lines);
      rest.clear();
    }
    return lines;
  }
  const std::string& last() const { return last_; }
  /// What is left without an end of line.
  std::string take_rest() {
    std::string lines;
    for (std::string* rest : {&out_, &err_}) {
      if (!rest->empty()) take(*rest, lines);
      rest->clear();
    }
    return lines;
  }

 private:
  void take(std::string_view line, std::string& lines) {
    const std::size_t space = line.find(' ');
    const std::string_view time = line.substr(0, space);
    const bool is_time = time.size() >= 20 && time[4] == '-';
    if (is_time) {
      // `since` is inclusive: what was shown before comes again.
      if (!last_.empty() && time <= last_) return;
      newest_ = std::max(newest_, std::string(time));
      line = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
    }
    lines += line;
    lines += '\n';
  }

 public:
  /// From here on, what is as old as what was shown until now is not shown again.
  void settle() { last_ = newest_; }

 private:
  std::string out_;
  std::string err_;
  std::string last_;
  std::string newest_;
};

/// Seconds since 1970 with nine digits, which the Engine takes; from its own RFC 3339.
std::string engine_seconds(const std::string& time) {
  const std::optional<Timestamp> at = parse_engine_time(time);
  if (!at) return {};
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at->time_since_epoch());
  return fmt::format("{}", seconds.count());
}

struct Following {
  LogSink sink;
  LineReader lines;
  bool goes_on = true;
};

Task<Result<void>> read_slice(CorePtr core, std::shared_ptr<Following> state, std::string container,
                              bool follow, std::optional<int> tail) {
  ContainerLogs request;
  request.container = std::move(container);
  request.follow = follow;
  request.timestamps = true;
  request.tail = tail;
  request.since = engine_seconds(state->lines.last());
  OutputSink sink = [core, state](OutputStream stream, std::string_view bytes) {
    const std::string lines = state->lines.feed(stream, bytes);
    if (!lines.empty()) state->goes_on = state->sink(lines);
    return state->goes_on && !core->is_closed;
  };
  const Deadline deadline = std::chrono::steady_clock::now() + (follow ? kSlice : kQuick);
  Result<void> done =
      co_await core->engine.containers().logs(std::move(request), std::move(sink), deadline);
  // A slice that was cut short is read again from there on.
  const std::string rest = state->lines.take_rest();
  if (done && !rest.empty()) state->goes_on = state->sink(rest) && state->goes_on;
  state->lines.settle();
  co_return done;
}

}  // namespace

Task<Result<void>> stream_logs(CorePtr core, LogRequest request, LogSink sink) {
  const auto state = std::make_shared<Following>();
  state->sink = std::move(sink);
  std::optional<int> tail = request.last_lines;
  while (true) {
    const Limit limit{std::chrono::steady_clock::now() + kQuick};
    const Result<ContainerSummary> container = co_await current_container(core, request.uid, limit);
    if (!container) co_return std::unexpected(container.error());
    const bool follow = request.follow && container->is_running();
    const Result<void> read = co_await read_slice(core, state, container->id, follow, tail);
    const bool is_quiet = !read && read.error().code() == ErrorCode::Timeout;
    if (!read && !is_quiet && !request.follow) co_return std::unexpected(read.error());
    if (!request.follow || !state->goes_on || core->is_closed) co_return Result<void>{};
    // Also without news, or one who has left a silent app would never be noticed.
    if (!state->sink("")) co_return Result<void>{};
    tail.reset();
    if (!is_quiet) co_await sleep_for(kPause);
  }
}

}  // namespace croft::docker
