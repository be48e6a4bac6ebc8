#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "core/base/units.hpp"

namespace croft::script {

/// Keeps from calling a server that does not answer: after some failures in a row nobody calls for
/// a while, then one tries. Times are Clock::steady(). Not thread safe.
class CircuitBreaker {
 public:
  static constexpr int kFailures = 5;
  static constexpr Duration kFirstPause{10'000};
  static constexpr Duration kLongestPause{300'000};

  /// How long nobody may call; nothing if the caller may. After a pause only the first may, until
  /// it is known what became of it.
  std::optional<Duration> closed_for(Duration now) {
    if (failures_ < kFailures) return std::nullopt;
    if (now < until_) return until_ - now;
    until_ = now + kFirstPause;  // the others wait for the one that tries
    return std::nullopt;
  }

  void succeeded() {
    failures_ = 0;
    pause_ = kFirstPause;
  }

  void failed(Duration now, std::string why) {
    why_ = std::move(why);
    if (++failures_ < kFailures) return;
    until_ = now + pause_;
    pause_ = std::min(pause_ * 2, kLongestPause);
  }

  /// The last failure.
  const std::string& why() const { return why_; }

 private:
  int failures_ = 0;
  Duration pause_ = kFirstPause;
  Duration until_{0};
  std::string why_;
};

}  // namespace croft::script
