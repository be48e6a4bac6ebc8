#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/store/rows.hpp"

namespace croft::notify {

/// What one attempt came to.
struct Attempt {
  enum class Fate {
    Taken,    ///< the endpoint has it
    NotNow,   ///< it may take it another time
    Refused,  ///< it will never take this one; it may take others
    Gone,     ///< it says that it is there no more, and is to be left alone
  };
  Fate fate = Fate::NotNow;
  int status = 0;                       ///< of HTTP; 0: there was no answer
  std::optional<Duration> retry_after;  ///< what the endpoint asks for
  std::string answer;                   ///< for people: how it ended
};

/// When attempts are made.
struct RetrySchedule {
  std::vector<Duration> delays;  ///< after the first attempt, the second, ...
  /// What the endpoint asks for is granted up to so much.
  Duration longest_wish{86'400'000};
  double jitter = 0.2;  ///< delays vary by so much of themselves, up and down

  /// From the first attempt of a delivery to the last, at the least.
  Duration shortest() const;

  /// 5 s, 30 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h: over three days.
  static RetrySchedule standard();
};

/// The delivery after an attempt at `now`. `chance` in [0, 1) decides on the jitter. Pure.
DeliveryRow after_attempt(DeliveryRow delivery, const Attempt& attempt,
                          const RetrySchedule& schedule, double chance, Timestamp now);

/// The Webhook after that, whose delivery is now as given: failing or not, or disabled. It is
/// disabled if it is gone, or if a delivery was given up and no other got through in all that time.
/// Pure.
WebhookRow after_attempt(WebhookRow webhook, const DeliveryRow& delivery, const Attempt& attempt,
                         const RetrySchedule& schedule, Timestamp now);

/// Seconds or a date (RFC 9110, 10.2.3), from `now`; nothing for what is neither.
std::optional<Duration> parse_retry_after(std::string_view text, Timestamp now);

}  // namespace croft::notify
