#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "core/base/units.hpp"

namespace croft::script {

/// How often a provider's server may be called: so many times in any second, and in any hour. Not
/// an average: no window of that length has more, wherever it begins. Whoever asks gets a place in
/// the order of asking. Times are Clock::steady(). Not thread safe.
class RateLimit {
 public:
  /// 0 is no limit.
  RateLimit(int per_second, int per_hour);

  struct Place {
    bool is_taken = false;  ///< false: it would be too late, and nothing was taken
    Duration at{0};         ///< when the call may begin
  };
  /// The next place, if it is no later than `latest`.
  Place take(Duration now, Duration latest);

  /// So many calls of an earlier life count for the hour; the oldest first, before any of this one.
  void remember(Duration at, int count);

  /// The server asked to be left alone until then.
  void pause_until(Duration time) { paused_until_ = std::max(paused_until_, time); }

  /// Other limits from now on; what was called already counts for them too.
  void set(int per_second, int per_hour);

 private:
  struct Window {
    Duration span;
    std::size_t most = 0;
    std::deque<Duration> calls;  ///< of the last span and to come, in order
  };
  std::vector<Window> windows_;
  Duration paused_until_{0};
  Duration last_{0};
};

}  // namespace croft::script
