#pragma once

#include <chrono>
#include <cstddef>

#include "core/store/history.hpp"

namespace croft::sql {

/// When a writer forgets what is past its bounds. Asked after each commit: a store that nothing is
/// written to has nothing new to forget for. Of one thread.
class PruneSchedule {
 public:
  void note_writes(std::size_t writes) { writes_ += writes; }

  bool is_due() const {
    return writes_ >= kWrites || (writes_ > 0 && Clock::now() - last_ >= StoreHistory::kPruned);
  }
  void begin() {
    writes_ = 0;
    last_ = Clock::now();
  }

 private:
  using Clock = std::chrono::steady_clock;
  // Bounds are overshot by this much at most; a prune then costs as little as the appends that made
  // it due.
  static constexpr std::size_t kWrites = 1'000;

  // A run that ended early left its prune to the first write of this one.
  std::size_t writes_ = kWrites - 1;
  Clock::time_point last_ = Clock::now();
};

}  // namespace croft::sql
