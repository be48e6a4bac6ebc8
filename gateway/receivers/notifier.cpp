#include "gateway/receivers/notifier.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "core/base/log.hpp"
#include "core/base/value.hpp"
#include "core/base/work.hpp"

namespace croft {

namespace {

constexpr int kAtOnce = 64;
constexpr std::size_t kManyRests = 4'096;

/// "alice/alice#17"; a source's key has no '#'.
std::string key_of(const HookNotice& notice) {
  return notice.merge_request == 0 ? notice.source
                                   : fmt::format("{}#{}", notice.source, notice.merge_request);
}

HookNotice notice_of(const std::string& key) {
  HookNotice notice;
  const std::size_t mark = key.find('#');
  notice.source = key.substr(0, mark);
  if (mark != std::string::npos)
    std::from_chars(key.data() + mark + 1, key.data() + key.size(), notice.merge_request);
  return notice;
}

HttpRequest request_of(const HookNotice& notice) {
  Value body = Value::map({{"source", notice.source}});
  if (notice.merge_request != 0) body.set("mergeRequest", notice.merge_request);
  HttpRequest request;
  request.method = "POST";
  request.target = "/v1/looks";
  request.headers.set("Host", "croft");
  request.headers.set("Content-Type", "application/json");
  request.body = to_json(body);
  return request;
}

}  // namespace

Notifier::Notifier(asio::any_io_executor executor, RandomSource& random, NotifierSettings settings)
    : settings_(std::move(settings)),
      client_(settings_.control),
      queue_(std::move(executor), random, kAtOnce,
             [this](std::string key) { return pass_on(std::move(key)); }) {}

void Notifier::add(const HookNotice& notice) {
  const std::string key = key_of(notice);
  if (notice.merge_request != 0 && !waiting_.contains(key)) {
    if (is_crowded(notice.source)) return;
    waiting_.insert(key);
  }
  const std::string parent = current_work() ? to_traceparent(current_work()->span) : std::string();
  if (!parent.empty()) traceparents_.insert_or_assign(key, parent);
  queue_.add(key);
}

bool Notifier::is_crowded(const std::string& source) const {
  // '$' comes after '#'.
  const auto count =
      std::distance(waiting_.lower_bound(source + "#"), waiting_.lower_bound(source + "$"));
  return static_cast<std::size_t>(count) >= settings_.merge_requests;
}

Duration Notifier::rest_of(const std::string& key) {
  const Time now = std::chrono::steady_clock::now();
  if (rests_.size() > kManyRests)
    std::erase_if(rests_, [&](const auto& rest) { return rest.second <= now; });
  const auto known = rests_.find(key);
  if (known == rests_.end() || known->second <= now) return Duration::zero();
  return std::chrono::ceil<Duration>(known->second - now);
}

Task<> Notifier::wait_until_taken(HookNotice notice, Duration at_most) {
  const std::string key = key_of(notice);
  if (!waiting_.contains(key)) co_return;
  const auto taken = std::make_shared<Signal>(co_await asio::this_coro::executor);
  const auto place = awaited_.emplace(key, taken);
  if (!co_await taken->wait(at_most)) awaited_.erase(place);
}

void Notifier::note_taken(const std::string& key) {
  waiting_.erase(key);
  const auto [first, last] = awaited_.equal_range(key);
  std::for_each(first, last, [](const auto& one) { one.second->notify(); });
  awaited_.erase(first, last);
}

Task<> Notifier::stop() { co_await queue_.stop(); }

Task<Outcome> Notifier::pass_on(std::string key) {
  const Duration rest = rest_of(key);
  if (rest > Duration::zero()) co_return After{rest};
  HttpRequest request = request_of(notice_of(key));
  // Taken out: what comes while this is under way brings its own.
  auto parent = traceparents_.extract(key);
  if (parent) request.headers.set("traceparent", parent.mapped());
  const Result<HttpResponse> answer = co_await client_.send(std::move(request));
  if (parent && (!answer || answer->status >= 500)) traceparents_.insert(std::move(parent));
  if (!answer) {
    log_warning("hooks", "control does not answer; it is told later",
                {{"source", key}, {"error", answer.error().describe()}});
    co_return Retry{answer.error()};
  }
  if (answer->status >= 500) {
    co_return Retry{
        Error(ErrorCode::Unavailable, fmt::format("control answers {}", answer->status))};
  }
  // A source that is gone meanwhile is nobody's loss.
  if (answer->status >= 400)
    log_info("hooks", "control wants no look", {{"source", key}, {"answer", answer->body}});
  note_taken(key);
  rests_[key] = std::chrono::steady_clock::now() + settings_.rest;
  co_return Done{};
}

}  // namespace croft
