#pragma once

#include <chrono>
#include <mutex>

#include "core/base/units.hpp"

namespace croft {

/// Where time comes from. Thread safe. Pure code takes times as arguments; code that waits takes a
/// Clock.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Wall-clock time: what people and journals see. May jump.
  virtual Timestamp now() const = 0;
  /// Time since some fixed point; never jumps. Deadlines and back-off count on it.
  virtual Duration steady() const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  Timestamp now() const override;
  Duration steady() const override;
};

/// A clock that stands still until a test moves it.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start = Timestamp(Duration(1'700'000'000'000))) : now_(start) {}
  Timestamp now() const override;
  Duration steady() const override;
  void advance(Duration by);

 private:
  mutable std::mutex mutex_;
  Timestamp now_;
  Duration steady_{0};
};

}  // namespace croft
