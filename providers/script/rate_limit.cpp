#include "providers/script/rate_limit.hpp"

#include <algorithm>

namespace croft::script {

RateLimit::RateLimit(int per_second, int per_hour)
    : windows_{{Duration(1'000), 0, {}}, {Duration(3'600'000), 0, {}}} {
  set(per_second, per_hour);
}

void RateLimit::set(int per_second, int per_hour) {
  windows_[0].most = static_cast<std::size_t>(std::max(per_second, 0));
  windows_[1].most = static_cast<std::size_t>(std::max(per_hour, 0));
}

void RateLimit::remember(Duration at, int count) {
  Window& hour = windows_.back();
  hour.calls.insert(hour.calls.end(), static_cast<std::size_t>(count), at);
}

RateLimit::Place RateLimit::take(Duration now, Duration latest) {
  Duration at = std::max({now, paused_until_, last_});
  for (Window& window : windows_) {
    while (!window.calls.empty() && window.calls.front() + window.span <= now)
      window.calls.pop_front();
    if (window.most == 0 || window.calls.size() < window.most) continue;
    at = std::max(at, window.calls[window.calls.size() - window.most] + window.span);
  }
  if (at > latest) return {false, at};
  last_ = at;
  for (Window& window : windows_) {
    if (window.most > 0) window.calls.push_back(at);
  }
  return {true, at};
}

}  // namespace croft::script
