#include "core/base/clock.hpp"

namespace croft {

Timestamp SystemClock::now() const {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

Duration SystemClock::steady() const {
  return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch());
}

Timestamp ManualClock::now() const {
  const std::scoped_lock lock(mutex_);
  return now_;
}

Duration ManualClock::steady() const {
  const std::scoped_lock lock(mutex_);
  return steady_;
}

void ManualClock::advance(Duration by) {
  const std::scoped_lock lock(mutex_);
  now_ += by;
  steady_ += by;
}

}  // namespace croft
