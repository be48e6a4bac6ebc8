#pragma once

#include <mutex>
#include <utility>

namespace croft {

/// Data that more than one thread touches, reachable only while its lock is held:
/// `guarded.with([](Data& data) { ... })`. Never suspend a coroutine inside the function.
template <typename T>
class Guarded {
 public:
  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}

  template <typename Function>
  auto with(Function&& function) {
    const std::scoped_lock lock(mutex_);
    return std::forward<Function>(function)(value_);
  }
  template <typename Function>
  auto with(Function&& function) const {
    const std::scoped_lock lock(mutex_);
    return std::forward<Function>(function)(value_);
  }

 private:
  mutable std::mutex mutex_;
  T value_;
};

}  // namespace croft
