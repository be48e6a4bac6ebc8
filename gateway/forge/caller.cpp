#include "gateway/forge/caller.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace croft {

namespace {

constexpr Duration kShortest{1'000};
constexpr Duration kLongest{3'600'000};
constexpr Duration kPatience{30'000};
constexpr std::size_t kLargestAnswer = 8U << 20U;
constexpr std::size_t kWords = 300;

std::optional<std::int64_t> number_in(const HttpHeaders& headers,
                                      std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const std::string* text = headers.find(name);
    if (text == nullptr) continue;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    constexpr std::int64_t kFarFuture = 253'402'300'799;
    if (error == std::errc() && end == text->data() + text->size() && value >= 0 &&
        value <= kFarFuture) {
      return value;
    }
  }
  return std::nullopt;
}

bool is_limit(int status, const HttpHeaders& headers) {
  // GitHub's primary limit is a 403 with nothing remaining, its secondary one with Retry-After.
  return status == 429 || (status == 403 && limit_of(headers, {}) > Duration::zero());
}

ForgeAnswer lost(const Error& error, bool may_have_happened) {
  ForgeAnswer answer;
  answer.kind = may_have_happened ? ForgeAnswer::Kind::Unknown : ForgeAnswer::Kind::Later;
  answer.words = error.describe();
  return answer;
}

HttpClientSettings client_settings() {
  HttpClientSettings settings;
  settings.reply_timeout = kPatience;
  settings.idle_timeout = kPatience;
  settings.body_limit = kLargestAnswer;
  settings.hint = "is the forge reachable from here?";
  return settings;
}

}  // namespace

Duration limit_of(const HttpHeaders& headers, Timestamp now) {
  const auto bounded = [](Duration wait) { return std::clamp(wait, kShortest, kLongest); };
  if (const auto seconds = number_in(headers, {"Retry-After"}))
    return bounded(Duration(*seconds * 1000));
  const auto remaining = number_in(headers, {"X-RateLimit-Remaining", "RateLimit-Remaining"});
  const auto reset = number_in(headers, {"X-RateLimit-Reset", "RateLimit-Reset"});
  if (remaining != 0 || !reset) return Duration::zero();
  return bounded(Timestamp(Duration(*reset * 1000)) - now);
}

Task<ForgeAnswer> call_forge(ForgeRepository repository, HttpRequest request,
                             Secret<std::string> token, Timestamp now) {
  authorize(request, repository.forge, token);
  const bool changes_something = request.method != "GET";
  const HttpClient client(repository.server, client_settings());
  const Result<HttpResponse> response = co_await client.send(std::move(request));
  if (!response) co_return lost(response.error(), changes_something);
  ForgeAnswer answer;
  answer.status = response->status;
  if (Result<Value> body = parse_json(response->body)) answer.body = std::move(*body);
  if (response->status >= 200 && response->status < 300) co_return answer;
  answer.words = fmt::format("{} {}: {}", response->status, reason_phrase(response->status),
                             shortened(answer.body.text_or("message", response->body), kWords));
  const bool has_failed = response->status >= 500;
  const bool is_busy = has_failed || is_limit(response->status, response->headers);
  answer.kind = is_busy ? ForgeAnswer::Kind::Later : ForgeAnswer::Kind::Refused;
  // A gateway that waited too long says nothing of what the forge behind it did.
  if (has_failed && changes_something) answer.kind = ForgeAnswer::Kind::Unknown;
  if (is_busy) answer.wait = limit_of(response->headers, now);
  co_return answer;
}

}  // namespace croft
