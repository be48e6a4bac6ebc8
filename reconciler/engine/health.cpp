#include "reconciler/engine/health.hpp"

#include <algorithm>
#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

namespace croft {

namespace {

constexpr int kFailuresInARow = 3;
constexpr Duration kFirstProbe{50};

/// Sends a request and reads until the status line is complete.
Task<Result<std::string>> status_line(UniqueFd connection, std::string request, Duration timeout) {
  const auto executor = co_await asio::this_coro::executor;
  asio::posix::stream_descriptor stream(executor, connection.release());
  asio::steady_timer timer(executor, timeout);
  bool is_late = false;
  timer.async_wait([&](const boost::system::error_code& error) {
    if (error) return;
    is_late = true;
    stream.cancel();
  });
  std::string seen;
  auto [write_error, written] = co_await asio::async_write(stream, asio::buffer(request),
                                                           asio::as_tuple(asio::use_awaitable));
  boost::system::error_code error = write_error;
  while (!error && seen.find("\r\n") == std::string::npos && seen.size() < 4096) {
    char buffer[1024];
    auto [read_error, count] =
        co_await stream.async_read_some(asio::buffer(buffer), asio::as_tuple(asio::use_awaitable));
    seen.append(buffer, count);
    error = read_error;
  }
  timer.cancel();
  // The handler above refers to this frame: let it run before the frame goes.
  co_await asio::post(executor, asio::use_awaitable);
  if (is_late) co_return fail(ErrorCode::Timeout, "no answer within " + format_duration(timeout));
  const std::size_t end = seen.find("\r\n");
  if (end == std::string::npos)
    co_return fail(ErrorCode::Unavailable, "no HTTP answer: " + error.message());
  co_return seen.substr(0, end);
}

Task<Result<void>> probe_http(HealthCheck check, Endpoint endpoint) {
  CO_TRY_ASSIGN(UniqueFd connection, co_await dial(std::move(endpoint), check.timeout));
  std::string request = fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: croft-health\r\nConnection: close\r\n\r\n",
      check.http_path, check.host);
  CO_TRY_ASSIGN(const std::string line,
                co_await status_line(std::move(connection), std::move(request), check.timeout));
  // "HTTP/1.1 200 OK": the class of the status is the tenth character.
  if (line.size() > 9 && line.starts_with("HTTP/1.") && (line[9] == '2' || line[9] == '3'))
    co_return Result<void>();
  co_return fail(ErrorCode::Unavailable,
                 fmt::format("GET {} answered '{}'", check.http_path, line));
}

Task<Result<void>> probe_command(HealthCheck check, std::string uid, HealthMonitor::Exec exec) {
  CO_TRY_ASSIGN(const int status, co_await exec(std::move(uid), check.command, check.timeout));
  if (status == 0) co_return Result<void>();
  co_return fail(ErrorCode::Unavailable,
                 fmt::format("'{}' ended with status {}", check.command[0], status));
}

}  // namespace

std::optional<HealthCheck> health_check_of(const Ref& ref, const Value& spec) {
  HealthCheck check;
  check.host = host_label(ref);
  if (const Value* health = spec.at_path("health"); health != nullptr && health->is_map()) {
    check.http_path = health->text_or("http", "");
    check.tcp = health->find("tcp") != nullptr && !health->find("tcp")->is_null();
    if (const Value* command = health->find("exec"); command != nullptr && command->is_list()) {
      for (const Value& word : command->as_list()) check.command.push_back(word.as_text());
    }
    check.interval = Duration(health->integer_or("interval", check.interval.count()));
    check.timeout = Duration(health->integer_or("timeout", check.timeout.count()));
    check.start_within = Duration(health->integer_or("startWithin", check.start_within.count()));
  }
  if (check.http_path.empty() && check.command.empty() && !check.tcp) {
    const Value* http = spec.find("http");
    if (http == nullptr || !http->is_map()) return std::nullopt;
    check.tcp = true;
  }
  return check;
}

Task<Result<void>> probe(HealthCheck check, Endpoint endpoint, std::string uid,
                         HealthMonitor::Exec exec) {
  if (!check.http_path.empty()) {
    co_return co_await probe_http(std::move(check), std::move(endpoint));
  }
  if (!check.command.empty()) {
    co_return co_await probe_command(std::move(check), std::move(uid), std::move(exec));
  }
  const Duration timeout = check.timeout;
  CO_TRY(co_await dial(std::move(endpoint), timeout));
  co_return Result<void>();
}

struct HealthMonitor::Watch {
  std::string uid;
  HealthCheck check;
  Endpoint endpoint;
  std::string run;
  Exec exec;
  HealthState state;
  std::function<void(const std::string&)> changed;
  asio::steady_timer timer;
  bool is_over = false;

  explicit Watch(const asio::any_io_executor& executor) : timer(executor) {}
};

HealthMonitor::HealthMonitor(asio::any_io_executor executor,
                             std::function<void(const std::string&)> changed)
    : executor_(std::move(executor)), changed_(std::move(changed)) {}

HealthMonitor::~HealthMonitor() {
  while (!watches_.empty()) forget(std::string(watches_.begin()->first));
}

void HealthMonitor::watch(const std::string& uid, const HealthCheck& check,
                          const Endpoint& endpoint, const std::string& run,
                          const HealthState& known, Exec exec) {
  const auto found = watches_.find(uid);
  if (found != watches_.end()) {
    const Watch& present = *found->second;
    if (present.check == check && present.endpoint == endpoint && present.run == run) return;
    forget(uid);
  }
  auto watch = std::make_shared<Watch>(executor_);
  watch->uid = uid;
  watch->check = check;
  watch->endpoint = endpoint;
  watch->run = run;
  watch->state = known;
  watch->exec = std::move(exec);
  watch->changed = changed_;
  watches_[uid] = watch;
  spawn(executor_, loop(watch), "health of " + uid);
}

void HealthMonitor::forget(const std::string& uid) {
  const auto found = watches_.find(uid);
  if (found == watches_.end()) return;
  found->second->is_over = true;
  found->second->changed = nullptr;
  found->second->timer.cancel();
  watches_.erase(found);
}

HealthState HealthMonitor::state(const std::string& uid) const {
  const auto found = watches_.find(uid);
  return found == watches_.end() ? HealthState{} : found->second->state;
}

Task<> HealthMonitor::loop(std::shared_ptr<Watch> watch) {
  const auto begun = std::chrono::steady_clock::now();
  int failures = 0;
  Duration pause = kFirstProbe;
  while (!watch->is_over) {
    const Result<void> passed =
        co_await probe(watch->check, watch->endpoint, watch->uid, watch->exec);
    if (watch->is_over) co_return;
    HealthState& state = watch->state;
    const HealthState before = state;
    if (passed) {
      failures = 0;
      state = HealthState{Health::Passing, true, false, ""};
      pause = watch->check.interval;
    } else {
      ++failures;
      state.message = passed.error().describe();
      if (state.was_passing && failures >= kFailuresInARow) state.health = Health::Failing;
      state.is_overdue = !state.was_passing &&
                         std::chrono::steady_clock::now() - begun > watch->check.start_within;
      // Tight while it starts, so that it is ready as soon as it can be; then as the spec says.
      pause = state.was_passing
                  ? std::min(watch->check.interval, Duration(1'000))
                  : std::min(pause * 2, std::min(watch->check.interval, Duration(1'000)));
    }
    const bool differs = before.health != state.health || before.is_overdue != state.is_overdue;
    if (differs && watch->changed) watch->changed(watch->uid);
    watch->timer.expires_after(pause);
    co_await watch->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

}  // namespace croft
