#include "reconciler/notify/retry.hpp"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <numeric>

#include <fmt/format.h>

namespace croft::notify {

namespace {

constexpr std::int64_t kSecond = 1'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kMostSeconds = 10 * 365 * 86'400LL;

Duration delay_after(std::int64_t attempts, const Attempt& attempt, const RetrySchedule& schedule,
                     double chance) {
  const Duration planned = schedule.delays[static_cast<std::size_t>(attempts - 1)];
  const double factor = 1 + schedule.jitter * (2 * chance - 1);
  const Duration varied(static_cast<std::int64_t>(static_cast<double>(planned.count()) * factor));
  if (!attempt.retry_after) return varied;
  return std::max(varied, std::min(*attempt.retry_after, schedule.longest_wish));
}

}  // namespace

RetrySchedule RetrySchedule::standard() {
  return {.delays = {Duration(5 * kSecond), Duration(30 * kSecond), Duration(5 * kMinute),
                     Duration(30 * kMinute), Duration(2 * kHour), Duration(5 * kHour),
                     Duration(10 * kHour), Duration(14 * kHour), Duration(20 * kHour),
                     Duration(24 * kHour)}};
}

Duration RetrySchedule::shortest() const {
  const Duration planned = std::accumulate(delays.begin(), delays.end(), Duration(0));
  return Duration(static_cast<std::int64_t>(static_cast<double>(planned.count()) * (1 - jitter)));
}

DeliveryRow after_attempt(DeliveryRow delivery, const Attempt& attempt,
                          const RetrySchedule& schedule, double chance, Timestamp now) {
  ++delivery.attempts;
  delivery.status = attempt.status;
  delivery.answer = attempt.answer;
  delivery.next_try.reset();
  if (attempt.fate == Attempt::Fate::Taken) {
    delivery.state = DeliveryState::Delivered;
    delivery.ended_at = now;
  } else if (attempt.fate == Attempt::Fate::Refused ||
             static_cast<std::size_t>(delivery.attempts) > schedule.delays.size()) {
    delivery.state = DeliveryState::Failed;
    delivery.ended_at = now;
  } else {
    delivery.next_try = now + delay_after(delivery.attempts, attempt, schedule, chance);
  }
  return delivery;
}

WebhookRow after_attempt(WebhookRow webhook, const DeliveryRow& delivery, const Attempt& attempt,
                         const RetrySchedule& schedule, Timestamp now) {
  if (attempt.fate == Attempt::Fate::Taken) {
    webhook.failing_since.reset();
    webhook.message.clear();
    return webhook;
  }
  if (!webhook.failing_since) webhook.failing_since = now;
  webhook.message = attempt.answer;
  if (webhook.disabled_at) return webhook;
  if (attempt.fate == Attempt::Fate::Gone) {
    webhook.disabled_at = now;
    webhook.disabled_reason = "Gone";
  } else if (delivery.state == DeliveryState::Failed &&
             now - *webhook.failing_since >= schedule.shortest()) {
    webhook.disabled_at = now;
    webhook.disabled_reason = "KeepsFailing";
  }
  return webhook;
}

std::optional<Duration> parse_retry_after(std::string_view text, Timestamp now) {
  std::int64_t seconds = 0;
  const char* end = text.data() + text.size();
  const auto [parsed, failure] = std::from_chars(text.data(), end, seconds);
  if (failure == std::errc() && parsed == end) {
    if (seconds < 0) return std::nullopt;
    return Duration(std::min(seconds, kMostSeconds) * kSecond);
  }
  std::tm date{};
  const std::string copy(text);
  const char* rest = ::strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  const Timestamp at(Duration(std::int64_t{::timegm(&date)} * kSecond));
  return std::max(Duration(0), at - now);
}

}  // namespace croft::notify
